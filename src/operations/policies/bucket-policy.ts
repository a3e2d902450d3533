import type { PolicyStatement, StatementChange } from '../../model/bucket.js';
import { bucketArn, objectsArn } from './role-policy.js';
import type { StorageNeeds } from './storage-needs.js';

/** Who may write under customers' keys, as `aws:PrincipalArn` has them. `*` and `?` stand for any characters. */
export interface KeyWriters {
  /** The gateway's role or user; null when nobody has named it. */
  readonly gateway: string | null;
  /** Administrators and partners who put objects with a key of their own below `downloads/` and `shared/`. */
  readonly others: readonly string[];
}

/** What stands in a printed policy where nobody has named the gateway's role. */
export const gatewayPlaceholder = 'arn:aws:iam::ACCOUNT:role/GATEWAY';

const sseCAlgorithm = 's3:x-amz-server-side-encryption-customer-algorithm';
const requireSid = 'SftpgwRequireCustomerKey';
const writersSid = 'SftpgwOnlyTheseWriteWithCustomerKeys';

/**
 * What the policy of a bucket should say: below the prefixes of users with SSE-C nothing is written without a customer's key, and nobody
 * but the named principals writes with one, because stolen credentials and SSE-C together make ransomware.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
 */
export function bucketStatements(
  needs: StorageNeeds,
  bucket: string,
  writers: KeyWriters,
): readonly PolicyStatement[] {
  const prefixes = needs.prefixes.filter((need) => need.bucket === bucket && need.option === 3);
  const statements: PolicyStatement[] = [];
  if (prefixes.length > 0) {
    statements.push({
      Sid: requireSid,
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:PutObject',
      Resource: [...new Set(prefixes.map(({ prefix }) => objectsArn(bucket, prefix)))],
      Condition: { Null: { [sseCAlgorithm]: 'true' } },
    });
  }
  statements.push({
    Sid: writersSid,
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `${bucketArn(bucket)}/*`,
    Condition: {
      Null: { [sseCAlgorithm]: 'false' },
      ArnNotLike: { 'aws:PrincipalArn': [writers.gateway ?? gatewayPlaceholder, ...writers.others] },
    },
  });
  return statements;
}

/**
 * What can be put of it as it is. Without a named gateway the statement on writers would lock the gateway out: it is left as the bucket has
 * it.
 */
export function policyChange(needs: StorageNeeds, bucket: string, writers: KeyWriters): StatementChange {
  const statements = bucketStatements(needs, bucket, writers).filter(
    ({ Sid }) => Sid !== writersSid || writers.gateway !== null,
  );
  const isRequired = statements.some(({ Sid }) => Sid === requireSid);
  return { statements, obsoleteSids: isRequired ? [] : [requireSid] };
}
