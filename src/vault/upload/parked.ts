import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { sealedWith } from '../sealed-with.js';
import type { UploadTarget } from '../vault.js';
import type { VaultServices } from './part-sender.js';

/**
 * Claims a parked upload, so that no other writer resumes it. Throws `unsupported` if its encryption or
 * checksums are not those requested now, and `conflict` if it is not parked any more. See `Vault.openUpload`.
 */
export async function resumeParked(
  { parked, store }: VaultServices,
  upload: ParkedUpload,
  target: UploadTarget,
): Promise<void> {
  const { ref, parts } = upload;
  if (ref.bucket !== target.ref.bucket || ref.key !== target.ref.key)
    throw new Fault('bug', 'an upload must be resumed at the key where it was begun');
  const isAsWanted = isDeepStrictEqual(upload.sealedWith, sealedWith(target.encryption));
  if (!isAsWanted || parts[0]?.checksum.algorithm !== store.checksumAlgorithm)
    throw new Fault(
      'unsupported',
      'the encryption or the checksums of uploads have changed since the upload began',
    );
  if (!(await parked.unpark(upload.id)))
    throw new Fault('conflict', 'another session has resumed or aborted it');
}

/** Aborts a parked upload, see `Vault.abortParked`. */
export async function abortParked(
  { parked, store, ledger }: VaultServices,
  call: Call,
  { id, ref, uploadId }: ParkedUpload,
): Promise<void> {
  if (!(await parked.unpark(id))) return;
  // A crash from here on leaves a pending row, which a restart settles.
  await store.abortUpload(call, ref, uploadId);
  await ledger.abandon(id);
}

/**
 * Returns whether the bytes received before this fault are good: the client or S3 became unavailable, or
 * there was no space.
 */
export function isWorthParking(fault: Fault): boolean {
  return fault.isTransient || fault.kind === 'cancelled' || fault.kind === 'over-quota';
}
