import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { sealedWith } from '../sealed-with.js';
import type { UploadTarget } from '../vault.js';
import type { VaultServices } from './part-sender.js';

/** Makes sure that the upload can be gone on with as it is wanted now, and that nobody else does. See `Vault.openUpload`. */
export async function takeUp(
  { parked, store }: VaultServices,
  upload: ParkedUpload,
  target: UploadTarget,
): Promise<void> {
  const { ref, parts } = upload;
  if (ref.bucket !== target.ref.bucket || ref.key !== target.ref.key)
    throw new Fault('bug', 'an upload is resumed where it was begun');
  const isAsWanted = isDeepStrictEqual(upload.sealedWith, sealedWith(target.encryption));
  if (!isAsWanted || parts[0]?.checksum.algorithm !== store.checksumAlgorithm)
    throw new Fault(
      'unsupported',
      'the encryption or the checksums of uploads have changed since it was begun',
    );
  if (!(await parked.unpark(upload.id)))
    throw new Fault('conflict', 'somebody else has resumed it, or given it up');
}

/** See `Vault.giveUp`. */
export async function giveUp(
  { parked, store, ledger }: VaultServices,
  call: Call,
  { id, ref, uploadId }: ParkedUpload,
): Promise<void> {
  if (!(await parked.unpark(id))) return;
  // A crash from here on leaves what a restart settles.
  await store.abortUpload(call, ref, uploadId);
  await ledger.abandon(id);
}

/** Whether bytes that arrived before this fault are good: the client went away, S3 did, or there was no room. */
export function isWorthKeeping(fault: Fault): boolean {
  return fault.isTransient || fault.kind === 'cancelled' || fault.kind === 'over-quota';
}
