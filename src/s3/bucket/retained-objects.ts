import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import type { ObjectRef } from '../../model/object-store.js';
import { request, type S3Context } from '../context.js';

/** Creates an object that cannot be removed before a time. Throws `exists` if there is one. */
export async function putRetained(
  context: S3Context,
  call: Call,
  { bucket, key }: ObjectRef,
  bytes: Uint8Array,
  retainUntil: Date,
): Promise<void> {
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: bytes,
    ContentType: 'application/json',
    IfNoneMatch: '*',
    // A request with a retention needs a checksum.
    ChecksumAlgorithm: 'CRC32',
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate: retainUntil,
  });
  await request(
    context,
    call,
    (options) => context.client.send(command, options),
    { operation: 'PutObject', bucket, key, permission: 's3:PutObjectRetention' },
    { does: 'other' },
  );
}
