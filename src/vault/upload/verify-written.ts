import type { Call } from '../../model/call.js';
import { checksumText, compareChecksums } from '../../model/checksum.js';
import { accessFor } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectInfo, ObjectStore, WholeObject, WrittenObject } from '../../model/object-store.js';
import { removeUnchanged } from '../copy/remove-unchanged.js';
import type { UploadTarget } from '../vault.js';

/** Max difference between S3's clock and ours. With more, S3 refuses requests (RequestTimeTooSkewed). */
export const clockSkewMs = 15 * 60 * 1000;

interface Expected extends WholeObject {
  /** Null for a single PutObject. */
  readonly partCount: number | null;
  readonly startedMs: number;
}

/**
 * Writes an object and verifies it by the checksum in S3's response, else by a HEAD. Removes a wrong object
 * if it is certainly ours. Throws `corrupt`, or the write's fault.
 */
export async function verifyWritten(
  store: ObjectStore,
  call: Call,
  target: UploadTarget,
  whole: Expected,
  write: () => Promise<WrittenObject>,
): Promise<WrittenObject> {
  let written: WrittenObject;
  try {
    written = await write();
  } catch (error) {
    if (isFault(error, 'corrupt')) {
      await removeUnanswered(store, call, target, whole);
    }
    throw error;
  }
  const comparison = compareChecksums(written.checksum, whole.checksum);
  if (comparison === 'same') return written;
  if (comparison === 'different' && whole.checksum !== null) {
    await removeWritten(store, call, target, written);
    throw corrupt(target, `S3 computed another checksum than the one sent, ${checksumText(whole.checksum)}`);
  }
  const info = await store.head(
    call,
    target.ref,
    accessFor(target.encryption),
    written.versionId ?? undefined,
  );
  if (info === null) throw corrupt(target, 'it does not exist although S3 reported success');
  // Another ETag belongs to another writer's object, which has replaced ours. That is not a fault of ours.
  if (info.etag === written.etag && differs(info, whole)) {
    await removeWritten(store, call, target, written);
    throw corrupt(target, `it has ${info.size} bytes instead of ${whole.size}`);
  }
  return written;
}

function differs(info: ObjectInfo, whole: WholeObject): boolean {
  return info.size !== whole.size || compareChecksums(info.checksum, whole.checksum) === 'different';
}

async function removeWritten(
  store: ObjectStore,
  call: Call,
  target: UploadTarget,
  written: WrittenObject,
): Promise<void> {
  if (written.versionId !== null) {
    await store.remove(call, target.ref, { versionId: written.versionId });
    return;
  }
  const info = await store.head(call, target.ref, accessFor(target.encryption));
  if (info !== null && info.etag === written.etag) await removeOurs(store, call, target, info);
}

/** Removes the object that was inspected. Another client may have replaced it since; then nothing is left to remove. */
async function removeOurs(
  store: ObjectStore,
  call: Call,
  { ref }: UploadTarget,
  { etag }: ObjectInfo,
): Promise<void> {
  try {
    await removeUnchanged(store, call, ref, etag);
  } catch (error) {
    if (!isFault(error, 'conflict')) throw error;
  }
}

/**
 * Removes an object that the store found corrupt without returning its ETag. The object is ours if our key
 * opens it, it is not older than our request, has as many parts as we sent, and differs from what we sent.
 */
async function removeUnanswered(
  store: ObjectStore,
  call: Call,
  target: UploadTarget,
  whole: Expected,
): Promise<void> {
  if (whole.partCount === null) return;
  const info = await store.head(call, target.ref, accessFor(target.encryption));
  if (info === null || !differs(info, whole)) return;
  if (!new RegExp(`-${whole.partCount}"?$`).test(info.etag)) return;
  if (info.lastModifiedMs < whole.startedMs - clockSkewMs) return;
  if (info.versionId === null) await removeOurs(store, call, target, info);
  else await store.remove(call, target.ref, { versionId: info.versionId });
}

function corrupt(target: UploadTarget, what: string): Fault {
  return new Fault('corrupt', `the object ${target.ref.key} is not what was sent: ${what}`);
}
