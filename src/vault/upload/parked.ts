import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { sealedWith } from '../sealed-with.js';
import type { UploadTarget } from '../vault.js';
import type { VaultServices } from '../vault-services.js';

/**
 * Claims a parked upload, so that no other writer resumes it. Throws `unsupported` if its encryption or
 * checksums are not those requested now, and `conflict` if it is not parked any more. See `Vault.openUpload`.
 */
export async function resumeParked(
  services: VaultServices,
  upload: ParkedUpload,
  target: UploadTarget,
): Promise<void> {
  const { ref } = upload;
  if (ref.bucket !== target.ref.bucket || ref.key !== target.ref.key)
    throw new Fault('bug', 'an upload must be resumed at the key where it was begun');
  refuseOtherEncryption(services, upload, target);
  if (!(await services.parked.unpark(upload.id)))
    throw new Fault('conflict', 'another session has resumed or aborted it');
}

/** Throws `unsupported` if the encryption or the checksums of an upload are not those requested now. */
export function refuseOtherEncryption(
  { store }: Pick<VaultServices, 'store'>,
  { sealedWith: began, parts }: ParkedUpload,
  { encryption }: UploadTarget,
): void {
  const algorithm = parts[0]?.checksum.algorithm ?? store.checksumAlgorithm;
  if (isDeepStrictEqual(began, sealedWith(encryption)) && algorithm === store.checksumAlgorithm) return;
  throw new Fault(
    'unsupported',
    'the encryption or the checksums of uploads have changed since the upload began',
  );
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
