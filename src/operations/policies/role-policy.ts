import type { PolicyStatement } from '../../model/bucket.js';
import { gatewayPrefix } from '../../model/gateway-objects.js';
import { bucketsOf, type PrefixNeed, type StorageNeeds } from './storage-needs.js';

/** An IAM policy document. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PolicyStatement[];
}

/**
 * Returns the minimal policy of the gateway's role for these needs. It grants no changes to lifecycle rules,
 * policies or encryption settings, so an attacker with the role cannot hide their actions or let S3 delete
 * objects.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
export function rolePolicy(needs: StorageNeeds): PolicyDocument {
  // A role that the gateway assumes has its own policy.
  const own = needs.prefixes.filter((need) => need.roleArn === null);
  const roles = [...new Set(needs.prefixes.flatMap((need) => need.roleArn ?? []))];
  const buckets = bucketsOf({ ...needs, prefixes: own });
  const uploads = own.filter((need) => need.use === 'uploads');
  const withAcl = uploads.filter((need) => need.acl !== null);
  const kmsKeys = [...new Set(uploads.flatMap((need) => need.kmsKeyArn ?? []))];
  const statements: PolicyStatement[] = [
    allow('SftpgwBuckets', bucketActions, buckets.map(bucketArn)),
    allow('SftpgwObjects', objectActions, [
      objectsArn(needs.defaultBucket, gatewayPrefix),
      ...new Set(own.map(prefixArn)),
    ]),
  ];
  if (withAcl.length > 0) {
    statements.push(allow('SftpgwAcl', ['s3:GetObjectAcl', 's3:PutObjectAcl'], withAcl.map(prefixArn)));
  }
  if (kmsKeys.length > 0) {
    statements.push(allow('SftpgwKms', ['kms:GenerateDataKey', 'kms:Decrypt'], kmsKeys));
  }
  if (roles.length > 0) statements.push(allow('SftpgwRoles', ['sts:AssumeRole'], roles));
  if (needs.eventQueueArn !== null) {
    statements.push(
      allow(
        'SftpgwEvents',
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
        [needs.eventQueueArn],
      ),
    );
  }
  return { Version: '2012-10-17', Statement: statements };
}

const bucketActions = [
  's3:GetBucketVersioning',
  's3:GetEncryptionConfiguration',
  's3:GetLifecycleConfiguration',
  's3:ListBucket',
  's3:ListBucketMultipartUploads',
  's3:ListBucketVersions',
] as const;

const objectActions = [
  's3:AbortMultipartUpload',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:GetObject',
  's3:GetObjectTagging',
  's3:GetObjectVersion',
  's3:GetObjectVersionTagging',
  's3:ListMultipartUploadParts',
  's3:PutObject',
  's3:PutObjectTagging',
] as const;

function allow(sid: string, actions: readonly string[], resources: readonly string[]): PolicyStatement {
  return { Sid: sid, Effect: 'Allow', Action: [...actions], Resource: [...new Set(resources)] };
}

/** Returns the ARN of a bucket. */
export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** Returns the ARN pattern of all objects below a prefix. */
export function objectsArn(bucket: string, prefix: string): string {
  return `${bucketArn(bucket)}/${prefix}*`;
}

function prefixArn({ bucket, prefix }: PrefixNeed): string {
  return objectsArn(bucket, prefix);
}
