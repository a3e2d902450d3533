import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import { type Call, uncancellable } from '../../model/call.js';
import { checksumText } from '../../model/checksum.js';
import { Fault, isFault } from '../../model/fault.js';
import type { IntentId } from '../../model/ledger.js';
import type { ReplayableBody } from '../../model/object-store.js';
import { type ParkedUpload, parkedBytes } from '../../model/parked-uploads.js';
import { accessWithKeys } from '../sealed-with.js';
import { settleRow } from '../settle.js';
import type { UploadTarget } from '../vault.js';
import type { VaultServices } from '../vault-services.js';
import { refuseOtherEncryption } from './parked.js';
import { s3PartLimits } from './part-schedule.js';
import { PartSender } from './part-sender.js';
import { blockBytes } from './upload-memory.js';

/** Max bytes of memory for the last bytes of all complete uploads that wait for their name. */
const tailBytes = 64 * 1024 * 1024;

/**
 * Creates the object of a complete upload. It stays parked until the object is verified and confirmed in the
 * ledger, so a crash loses nothing. See `Vault.completeParked`.
 */
export async function completeParked(
  services: VaultServices,
  call: Call,
  upload: ParkedUpload,
  target: UploadTarget,
): Promise<void> {
  if (!upload.isComplete) throw new Fault('bug', 'an interrupted upload cannot be completed');
  refuseOtherEncryption(services, upload, target);
  const { id, ref, parts, uploadId } = upload;
  const sum = new JoinedChecksum(services.store.checksumAlgorithm);
  for (const { checksum, size } of parts) sum.add(checksum, size);
  const sender = new PartSender(services, call, target, new AbortController(), () => undefined, upload);
  try {
    const { versionId, checksum } =
      parts.length > 0
        ? await sender.complete(call, { size: parkedBytes(upload), checksum: sum.checksum })
        : await sender.put(call, emptyBody(services));
    call.note?.({ versionId, ...(checksum === null ? {} : { checksum: checksumText(checksum) }) });
  } catch (error) {
    // After a crash between the last two steps, S3 has the object instead of the upload.
    if (!isFault(error, 'not-found') || !(await isCompleted(services, call, upload, target))) throw error;
  } finally {
    services.ownIntents.delete(id);
  }
  await services.parked.unpark(id);
  // An empty file has no part, so its upload cannot be completed.
  if (parts.length === 0) await services.store.abortUpload(uncancellable(call), ref, uploadId);
}

/** Returns whether the upload has become the object at its key. If so, confirms its row. */
async function isCompleted(
  services: VaultServices,
  call: Call,
  { id, ref, ...upload }: ParkedUpload,
  { encryption }: UploadTarget,
): Promise<boolean> {
  const { store, ledger } = services;
  const keys = encryption.kind === 'sse-c' ? [encryption.key] : [];
  const row = (await ledger.candidates(ref)).find((candidate) => candidate.id === id);
  const access = row === undefined ? null : accessWithKeys(row.sealedWith, keys);
  if (row === undefined || access === null) return false;
  const info = await store.head(call, ref, access);
  if (info?.size !== parkedBytes(upload)) return false;
  if ((await settleRow(services, call, row, keys)) === 'abandoned') return false;
  if (upload.mtimeSeconds !== null) await ledger.recordMtime(ref, info.etag, upload.mtimeSeconds);
  return true;
}

function emptyBody({ store }: VaultServices): ReplayableBody {
  const nothing = new Uint8Array(0);
  return { byteLength: 0, chunks: [nothing], checksum: checksumOf(store.checksumAlgorithm, nothing) };
}

/**
 * The last bytes of complete uploads, in memory: fewer than 5 MiB and one block each. S3 accepts no part behind
 * one of fewer than 5 MiB, so a client can continue such an upload only while these bytes can be sent again.
 */
export class HeldTails {
  readonly #tails = new Map<IntentId, Uint8Array>();
  #bytes = 0;

  /** Keeps the last bytes of an upload. Forgets the oldest ones if there is no room. */
  keep(id: IntentId, tail: Uint8Array): void {
    this.#tails.set(id, tail);
    this.#bytes += tail.byteLength;
    for (const oldest of this.#tails.keys()) {
      if (this.#bytes <= tailBytes) break;
      this.forget(oldest);
    }
  }

  forget(id: IntentId): void {
    this.#bytes -= this.#tails.get(id)?.byteLength ?? 0;
    this.#tails.delete(id);
  }

  /**
   * Returns the parts that others can follow, and the bytes to send again behind them. Throws `unsupported`
   * if these bytes are not known any more.
   */
  split(upload: ParkedUpload): { readonly resume: ParkedUpload; readonly tail: Uint8Array | null } {
    const last = upload.parts.at(-1);
    const isFollowable = (last?.size ?? 0) >= s3PartLimits.minBytes && parkedBytes(upload) % blockBytes === 0;
    if (last === undefined || isFollowable) return { resume: upload, tail: null };
    const tail = this.#tails.get(upload.id);
    if (tail?.byteLength !== last.size)
      throw new Fault('unsupported', 'S3 accepts no bytes behind its last part');
    return { resume: { ...upload, parts: upload.parts.slice(0, -1) }, tail };
  }
}
