import type { Call } from '../../model/call.js';
import { accessFor } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { CopyOptions, ObjectRef } from '../../model/object-store.js';
import type { S3Context } from '../context.js';
import { headObject } from '../reads.js';

/** Throws `exists` if the target of a copy exists. Called before the copy, because some servers ignore If-None-Match. */
export async function refuseExisting(
  context: S3Context,
  call: Call,
  to: ObjectRef,
  options: CopyOptions,
): Promise<void> {
  const exists = await headObject(context, call, to, accessFor(options.encryption), undefined).then(
    (info) => info !== null,
    (error: unknown) => {
      if (isFault(error, 'key-missing', 'key-mismatch')) return true;
      throw error;
    },
  );
  if (exists) throw new Fault('exists', `there is already an object "${to.key}" in bucket "${to.bucket}"`);
}
