import { GetObjectLockConfigurationCommand, type ObjectLockConfiguration } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import { isFault } from '../../model/fault.js';
import type { S3Context } from '../context.js';
import { bucketAttempt } from '../listing.js';
import { bucketSetting } from './bucket-rules.js';

/**
 * Returns true if a bucket has Object Lock.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html
 */
export async function hasObjectLock(context: S3Context, call: Call, bucket: string): Promise<boolean> {
  return (await configuration(context, call, bucket)) !== null;
}

/**
 * Returns whether the bucket locks every new object for a time (Object Lock with a default retention), so that a trial
 * object could not be removed. False if the setting may not be read or the server does not have it. Throws transient
 * faults.
 */
export async function locksNewObjects(context: S3Context, call: Call, bucket: string): Promise<boolean> {
  try {
    return (await configuration(context, call, bucket))?.Rule?.DefaultRetention !== undefined;
  } catch (error) {
    if (isFault(error, 'denied', 'not-found', 'unsupported', 'invalid')) return false;
    throw error;
  }
}

/** Returns null if the bucket has no Object Lock. */
async function configuration(
  context: S3Context,
  call: Call,
  bucket: string,
): Promise<ObjectLockConfiguration | null> {
  const answer = await bucketSetting(
    context,
    call,
    (options) => context.client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), options),
    bucketAttempt('GetObjectLockConfiguration', bucket, 's3:GetBucketObjectLockConfiguration'),
    'ObjectLockConfigurationNotFoundError',
  );
  const lock = answer?.ObjectLockConfiguration;
  return lock?.ObjectLockEnabled === 'Enabled' ? lock : null;
}
