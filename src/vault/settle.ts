import { RunningChecksum } from '../bytes/running-checksum.js';
import type { Call } from '../model/call.js';
import type { Checksum } from '../model/checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { mtimeOfMetadata, wholeSeconds } from './mtime.js';
import { accessAmong, restsUnder } from './sealed-with.js';
import type { VaultServices } from './upload/part-sender.js';
import { clockSkewMs } from './upload/verify-written.js';
import type { SettleReport, SettleRequest } from './vault.js';

/** An object whose checksum S3 does not keep is read to compute it, up to this size; beyond, the start would take too long. */
const readToHashBytes = 256 * 1024 * 1024;

export type Outcome = 'confirmed' | 'abandoned';

/**
 * Finishes or undoes what the last run left: for each row that is still `intended`, first its multipart uploads go
 * (then no late Complete can make an object any more), then HEAD tells whether the write had landed. See `Vault.settlePending`.
 */
export async function settlePending(
  services: VaultServices,
  call: Call,
  startedMs: number,
  { keysOf, isUnderWay = async () => false }: SettleRequest,
): Promise<SettleReport> {
  const pending = await services.ledger.pending(startedMs);
  const rows: LedgerRow[] = [];
  const others: LedgerRow[] = [];
  for (const row of pending) {
    if (services.ownIntents.has(row.id)) continue;
    ((await isUnderWay(row)) ? others : rows).push(row);
  }
  const parked = new Set((await services.parked.parked()).map(({ uploadId }) => uploadId));
  const report = { confirmed: 0, abandoned: 0, abortedUploads: 0, problems: [] as string[] };
  // Newest first: when two rows of one object are left, its content is the later one's, and is then known for the other.
  for (const row of [...rows].reverse()) {
    try {
      report.abortedUploads += await abortUploads(services, call, startedMs, row, rows, others, parked);
      report[await settleRow(services, call, row, await keysOf(row.actor))] += 1;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled') throw fault;
      report.problems.push(`${row.ref.bucket}/${row.ref.key} (row ${row.id}): ${fault.hint}`);
      call.log.warn('a write of the last run could not be settled and stays pending', {
        bucket: row.ref.bucket,
        key: row.ref.key,
        row: row.id,
        error: fault,
      });
    }
  }
  return report;
}

/**
 * The row's own upload; when it knows of none, those at its key that the last run had begun but not noted down. S3's clock
 * decides which those are only while this run uploads to the same key: it may be ahead of ours. Those that are parked stay.
 */
async function abortUploads(
  services: VaultServices,
  call: Call,
  startedMs: number,
  row: LedgerRow,
  rows: readonly LedgerRow[],
  others: readonly LedgerRow[],
  parked: ReadonlySet<string>,
): Promise<number> {
  const { store } = services;
  if (row.uploadId !== null) {
    await store.abortUpload(call, row.ref, row.uploadId);
    return 1;
  }
  // One of these uploads may be another process', which has not noted it down yet: the next start looks again.
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
  for (const orphan of orphans) await store.abortUpload(call, row.ref, orphan.uploadId);
  return orphans.length;
}

/** Finishes or undoes one row by what HEAD says. Throws `key-missing` when the row's key is not among `keys`. */
export async function settleRow(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  keys: readonly CustomerKey[],
): Promise<Outcome> {
  const { ledger, store } = services;
  const access = accessAmong(row.sealedWith, keys);
  if (access === null) {
    const fingerprint = row.sealedWith.kind === 'sse-c' ? row.sealedWith.fingerprint : '';
    throw new Fault(
      'key-missing',
      `the key ${fingerprint} of ${row.actor} is not at hand to look at the object`,
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

/** An object that does not open with the row's key is not the row's. */
async function headOrNull(head: () => Promise<ObjectInfo | null>): Promise<ObjectInfo | null> {
  try {
    return await head();
  } catch (error) {
    if (isFault(error, 'key-missing', 'key-mismatch')) return null;
    throw error;
  }
}

/** The object rests as the row says, is not older than the row, and no confirmed row tells of it already. */
async function wroteIt(services: VaultServices, row: LedgerRow, info: ObjectInfo): Promise<boolean> {
  if (!restsUnder(info.encryption, row.sealedWith)) return false;
  if (info.lastModifiedMs < row.intendedMs - clockSkewMs) return false;
  const candidates = await services.ledger.candidates(row.ref);
  return !candidates.some((other) => {
    const { confirmation } = other;
    if (other.id === row.id || confirmation === null || confirmation.etag !== info.etag) return false;
    // At Ceph an object that was copied onto itself under another key has the ETag that it had.
    return confirmation.versionId === info.versionId && restsUnder(info.encryption, other.sealedWith);
  });
}

/** By reading it, which also proves that it opens. Null for an object that is too large for that. */
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
    call.log.warn('the checksum of a large object stays unknown', {
      bucket: row.ref.bucket,
      key: row.ref.key,
    });
    return null;
  }
  const body = await services.store.read(call, row.ref, access, null, { ifMatch: info.etag });
  if (body === null) throw new Fault('conflict', 'the object went while it was looked at');
  for await (const chunk of body.bytes) sum.update(chunk);
  return sum.checksum;
}
