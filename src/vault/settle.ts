import { RunningChecksum } from '../bytes/running-checksum.js';
import type { Call } from '../model/call.js';
import type { Checksum } from '../model/checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { mtimeOfMetadata, wholeSeconds } from './mtime.js';
import { accessWithKeys, isEncryptedAs } from './sealed-with.js';
import { clockSkewMs } from './upload/verify-written.js';
import type { SettleReport, SettleRequest } from './vault.js';
import type { VaultServices } from './vault-services.js';

/**
 * If S3 keeps no checksum, an object up to this size is read to compute one. A larger one would delay the
 * start too long.
 */
const readToHashBytes = 256 * 1024 * 1024;

/** The state of a row after it was settled. */
export type SettleOutcome = 'confirmed' | 'abandoned';

/**
 * Finishes or undoes the writes that the last run left in state `intended`. First aborts the multipart
 * uploads of each row, so that no late CompleteMultipartUpload can create an object. Then sends a HEAD to
 * find out whether the write succeeded. See `Vault.settlePending`.
 */
export async function settlePending(
  services: VaultServices,
  call: Call,
  startedMs: number,
  { keysOf, isUnderWay = async () => false, claimed }: SettleRequest,
): Promise<SettleReport> {
  const pending = claimed ?? (await services.ledger.pending(startedMs));
  const rows: LedgerRow[] = [];
  const others: LedgerRow[] = [];
  for (const row of pending) {
    if (services.ownIntents.has(row.id)) continue;
    ((await isUnderWay(row)) ? others : rows).push(row);
  }
  const isShared = claimed !== undefined;
  const parked = new Set((await services.parked.parked()).map(({ uploadId }) => uploadId));
  const report = { confirmed: 0, abandoned: 0, abortedUploads: 0, problems: [] as string[] };
  // Newest first: if two rows of one object are left, the content belongs to the later row. The earlier row
  // can then be compared with it.
  for (const row of [...rows].reverse()) {
    try {
      report.abortedUploads += await abortUploads(services, call, startedMs, row, {
        rows,
        others,
        parked,
        isShared,
      });
      report[await settleRow(services, call, row, await keysOf(row.actor))] += 1;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled') throw fault;
      report.problems.push(`${row.ref.bucket}/${row.ref.key} (row ${row.id}): ${fault.hint}`);
      call.log.warn('a pending write could not be settled', {
        bucket: row.ref.bucket,
        key: row.ref.key,
        row: row.id,
        error: fault,
      });
    }
  }
  return report;
}

/** The rows and uploads of one settlement. */
interface AbortScope {
  readonly rows: readonly LedgerRow[];
  /** Rows of commands that run. */
  readonly others: readonly LedgerRow[];
  /** The ids of parked uploads. */
  readonly parked: ReadonlySet<string>;
  /** Whether other nodes write to the same buckets. */
  readonly isShared: boolean;
}

/**
 * Aborts the row's own upload. If the row has none recorded, aborts the uploads at its key that the last run
 * began without recording them. S3's clock decides which uploads those are only while this run uploads to the
 * same key, because that clock may be ahead of ours. Parked uploads stay.
 */
async function abortUploads(
  services: VaultServices,
  call: Call,
  startedMs: number,
  row: LedgerRow,
  { rows, others, parked, isShared }: AbortScope,
): Promise<number> {
  const { store } = services;
  if (row.uploadId !== null) {
    await store.abortUpload(call, row.ref, row.uploadId);
    return 1;
  }
  // One of these uploads may belong to another process that has not recorded it yet. The next start checks
  // again.
  if (others.some(({ ref }) => ref.bucket === row.ref.bucket && ref.key === row.ref.key)) return 0;
  const claimed = new Set(rows.map((other) => other.uploadId));
  const isBusy = [...services.ownIntents.values()].some(
    (ref) => ref.bucket === row.ref.bucket && ref.key === row.ref.key,
  );
  const found = await store.listUploads(call, row.ref.bucket, row.ref.key);
  const orphans = found.filter(
    (upload) =>
      upload.key === row.ref.key &&
      !claimed.has(upload.uploadId) &&
      !parked.has(upload.uploadId) &&
      !(isBusy && upload.initiatedMs >= startedMs),
  );
  if (orphans.length > 0 && isShared && (await hasOtherWriter(services, row, rows, parked))) return 0;
  for (const orphan of orphans) await store.abortUpload(call, row.ref, orphan.uploadId);
  return orphans.length;
}

/**
 * Returns whether another node writes to the row's object. Call it after the uploads were listed: an upload that is
 * listed has its row.
 */
async function hasOtherWriter(
  { ledger }: VaultServices,
  row: LedgerRow,
  rows: readonly LedgerRow[],
  parked: ReadonlySet<string>,
): Promise<boolean> {
  const settled = new Set(rows.map(({ id }) => id));
  const candidates = await ledger.candidates(row.ref);
  return candidates.some(
    ({ id, state, uploadId }) =>
      state === 'intended' && !settled.has(id) && !(uploadId !== null && parked.has(uploadId)),
  );
}

/**
 * Confirms or abandons one row according to a HEAD of its object. Throws `key-missing` if the row's key is
 * not among `keys`.
 */
export async function settleRow(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  keys: readonly CustomerKey[],
): Promise<SettleOutcome> {
  const { ledger, store } = services;
  const access = accessWithKeys(row.sealedWith, keys);
  if (access === null) {
    const fingerprint = row.sealedWith.kind === 'sse-c' ? row.sealedWith.fingerprint : '';
    throw new Fault(
      'key-missing',
      `cannot check the object: the key ${fingerprint} of ${row.actor} is not available`,
    );
  }
  const info = await headOrNull(() => store.head(call, row.ref, access));
  if (info === null || !(await wroteIt(services, row, info))) {
    await ledger.abandon(row.id);
    return 'abandoned';
  }
  await ledger.confirm(row.id, {
    size: info.size,
    checksum: info.checksum ?? (await computeChecksum(services, call, row, access, info)),
    etag: info.etag,
    versionId: info.versionId,
    mtimeSeconds: wholeSeconds(mtimeOfMetadata(info)),
  });
  return 'confirmed';
}

/** Returns null if the row's key does not open the object, because then another write created it. */
async function headOrNull(head: () => Promise<ObjectInfo | null>): Promise<ObjectInfo | null> {
  try {
    return await head();
  } catch (error) {
    if (isFault(error, 'key-missing', 'key-mismatch')) return null;
    throw error;
  }
}

/**
 * Returns whether this row's write created the object: it is encrypted as recorded, is not older than the
 * row, and no confirmed row describes it.
 */
async function wroteIt(services: VaultServices, row: LedgerRow, info: ObjectInfo): Promise<boolean> {
  if (!isEncryptedAs(info.encryption, row.sealedWith)) return false;
  if (info.lastModifiedMs < row.intendedMs - clockSkewMs) return false;
  const candidates = await services.ledger.candidates(row.ref);
  return !candidates.some((other) => {
    const { confirmation } = other;
    if (other.id === row.id || confirmation === null || confirmation.etag !== info.etag) return false;
    // Ceph keeps the ETag of an object that was copied onto itself with another key.
    return confirmation.versionId === info.versionId && isEncryptedAs(info.encryption, other.sealedWith);
  });
}

/**
 * Computes the checksum by reading the object, which also proves that it opens. Returns null if the object is
 * too large.
 */
async function computeChecksum(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  access: ReadAccess,
  info: ObjectInfo,
): Promise<Checksum | null> {
  const sum = new RunningChecksum(services.store.checksumAlgorithm);
  if (info.size === 0) return sum.checksum;
  if (info.size > readToHashBytes) {
    call.log.warn('object too large to compute its checksum', {
      bucket: row.ref.bucket,
      key: row.ref.key,
    });
    return null;
  }
  const body = await services.store.read(call, row.ref, access, null, { ifMatch: info.etag });
  if (body === null) throw new Fault('conflict', 'the object was removed while it was being checked');
  for await (const chunk of body.bytes) sum.update(chunk);
  return sum.checksum;
}
