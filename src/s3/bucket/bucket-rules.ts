import {
  type BucketLifecycleConfiguration,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  type LifecycleRule,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3';
import type { BucketLifecycle, BucketVersioning } from '../../model/bucket.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { request, type S3Context, type Send } from '../context.js';
import type { Attempt } from '../errors/translate.js';

/**
 * Reads one setting of a bucket. Null when it is not set, which S3 answers with an error of that name.
 * Throws `not-found` when there is no such bucket.
 */
export async function bucketSetting<Output>(
  context: S3Context,
  call: Call,
  send: Send<Output>,
  attempt: Attempt,
  absentName: string,
): Promise<Output | null> {
  let isUnset = false;
  const answer = await request<Output | null>(
    context,
    call,
    async (options) => {
      try {
        return await send(options);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== absentName) throw error;
        isUnset = true;
        return null;
      }
    },
    attempt,
    { does: 'other' },
  );
  if (answer === null && !isUnset) throw new Fault('not-found', `there is no bucket "${attempt.bucket}"`);
  return answer;
}

function attemptOf(operation: string, bucket: string, permission: string): Attempt {
  return { operation, bucket, key: null, permission };
}

/**
 * Reads a bucket's versioning. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
 */
export async function bucketVersioning(
  context: S3Context,
  call: Call,
  bucket: string,
): Promise<BucketVersioning> {
  const answer = await bucketSetting(
    context,
    call,
    (options) => context.client.send(new GetBucketVersioningCommand({ Bucket: bucket }), options),
    attemptOf('GetBucketVersioning', bucket, 's3:GetBucketVersioning'),
    'NoSuchVersioningConfiguration',
  );
  if (answer?.Status === 'Enabled') return 'enabled';
  return answer?.Status === 'Suspended' ? 'suspended' : 'never';
}

/** Returns the bucket's lifecycle rules; empty when there are none. */
export async function lifecycleRules(
  context: S3Context,
  call: Call,
  bucket: string,
): Promise<BucketLifecycleConfiguration> {
  const answer = await bucketSetting(
    context,
    call,
    (options) => context.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }), options),
    attemptOf('GetBucketLifecycleConfiguration', bucket, 's3:GetLifecycleConfiguration'),
    'NoSuchLifecycleConfiguration',
  );
  return { Rules: answer?.Rules ?? [] };
}

/** Returns what the enabled rules for the whole bucket do. Pure. */
export function summariseLifecycle(rules: readonly LifecycleRule[]): BucketLifecycle {
  const inForce = rules.filter((rule) => rule.Status === 'Enabled' && isForWholeBucket(rule));
  return {
    abortsIncompleteUploads: inForce.some((rule) => rule.AbortIncompleteMultipartUpload !== undefined),
    expiresOlderVersions: inForce.some((rule) => rule.NoncurrentVersionExpiration !== undefined),
  };
}

function isForWholeBucket({ Prefix, Filter }: LifecycleRule): boolean {
  if (Prefix !== undefined && Prefix !== '') return false;
  return Filter === undefined || Object.values(Filter).every((value) => value === undefined || value === '');
}

/** Returns the bucket's encryption rule; empty when it has none. */
export async function encryptionRule(
  context: S3Context,
  call: Call,
  bucket: string,
): Promise<ServerSideEncryptionRule> {
  const answer = await bucketSetting(
    context,
    call,
    (options) => context.client.send(new GetBucketEncryptionCommand({ Bucket: bucket }), options),
    attemptOf('GetBucketEncryption', bucket, 's3:GetEncryptionConfiguration'),
    'ServerSideEncryptionConfigurationNotFoundError',
  );
  return answer?.ServerSideEncryptionConfiguration?.Rules?.[0] ?? {};
}

/** Returns the text of the bucket's policy; null when it has none. */
export async function policyText(context: S3Context, call: Call, bucket: string): Promise<string | null> {
  const answer = await bucketSetting(
    context,
    call,
    (options) => context.client.send(new GetBucketPolicyCommand({ Bucket: bucket }), options),
    attemptOf('GetBucketPolicy', bucket, 's3:GetBucketPolicy'),
    'NoSuchBucketPolicy',
  );
  return answer?.Policy ?? null;
}
