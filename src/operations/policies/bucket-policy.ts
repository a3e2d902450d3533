import type { PolicyStatement, StatementChange } from '../../model/bucket.js';
import { bucketArn, objectsArn } from './role-policy.js';
import { rolesOf, type StorageNeeds } from './storage-needs.js';

/**
 * The principals that may write with customer keys, as ARNs for `aws:PrincipalArn`. `*` and `?` are
 * wildcards.
 */
export interface KeyWriters {
  /** The gateway's role or user; null if it is unknown. */
  readonly gateway: string | null;
  /** Administrators and partners who put objects with a key of their own below `downloads/` and `shared/`. */
  readonly others: readonly string[];
}

/** Placeholder in a printed policy for an unknown role of the gateway. */
export const gatewayPlaceholder = 'arn:aws:iam::ACCOUNT:role/GATEWAY';

const sseCAlgorithm = 's3:x-amz-server-side-encryption-customer-algorithm';
const requireSid = 'SftpgwRequireCustomerKey';
const writersSid = 'SftpgwOnlyTheseWriteWithCustomerKeys';

/**
 * Returns the statements of a bucket's policy. Below the prefixes of users with SSE-C, S3 refuses every write
 * without a customer key. Only the named principals may write with one, because ransomware uses stolen
 * credentials and SSE-C.
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
      ArnNotLike: {
        'aws:PrincipalArn': [
          writers.gateway ?? gatewayPlaceholder,
          ...rolesOf(needs, bucket),
          ...writers.others,
        ],
      },
    },
  });
  return statements;
}

/**
 * Returns the statements that can be applied as they are. Without the gateway's ARN the statement on writers
 * would lock the gateway out, so the bucket's present one stays.
 */
export function policyChange(needs: StorageNeeds, bucket: string, writers: KeyWriters): StatementChange {
  const statements = bucketStatements(needs, bucket, writers).filter(
    ({ Sid }) => Sid !== writersSid || writers.gateway !== null,
  );
  const isRequired = statements.some(({ Sid }) => Sid === requireSid);
  return { statements, obsoleteSids: isRequired ? [] : [requireSid] };
}
