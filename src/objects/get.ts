import { stat } from 'node:fs/promises';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import { compareChecksums } from '../model/checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import { noKey, type ReadAccess } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import { isSameEtag, type ObjectInfo, type ObjectRef } from '../model/object-store.js';
import type { FetchedObject, FetchRequest, FetchSink } from '../vault/read/fetch-object.js';
import { accessWithKeys } from '../vault/sealed-with.js';
import { contentOf, fileHolds } from './content.js';
import { DownloadFile, refuseExisting } from './download-file.js';
import { openObject } from './encryption-lookup.js';
import { s3Url } from './s3-url.js';
import type { ObjectServices } from './services.js';
import type { TransferProgress } from './tree-outcome.js';

const rangeBytes = 8 * 1024 * 1024;
const parallelRanges = 4;

/** Information about an object before it is fetched. */
export interface KnownObject {
  /** Size in bytes; null if the object was not listed. */
  readonly size: number | null;
  readonly row: LedgerRow | null;
}

/** Whether an object was fetched, or the file had its content already. */
export type FetchResult = 'fetched' | 'unchanged';

/**
 * Fetches an object into a file. The file appears once it is complete and matches the size and checksum that
 * S3 and the ledger have. Keeps a file with the same content; replaces another file only if allowed. Throws
 * `not-found`, `exists`, `corrupt`, the faults of the vault, and errors of the file system.
 */
export async function getObjectToFile(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
  known: KnownObject,
  file: { readonly path: string; readonly mayReplace: boolean },
  progress: TransferProgress,
): Promise<FetchResult> {
  if (await isThere(file.path)) {
    const opened = await openObject(services, call, ref);
    if (opened === null) throw objectNotFound(ref);
    if (await fileHolds(call, file.path, contentOf(opened.value, opened.candidates))) return 'unchanged';
    if (!file.mayReplace) await refuseExisting(file.path);
  }
  await using sink = new DownloadFile(file.path, file.mayReplace, progress);
  const fetched = await fetchWhole(services, call, ref, known, { parallelRanges, rangeBytes }, sink);
  await sink.place(fetched.mtimeSeconds);
  return 'fetched';
}

/**
 * Fetches an object in byte order. Requests each piece after `take` has accepted the one before. Verifies the
 * checksum at the end, so `corrupt` is thrown after all bytes were delivered. `begin` is called once, before the
 * first byte. Other faults as `getObjectToFile`.
 */
export async function streamObject(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
  take: (bytes: Uint8Array) => Promise<void>,
  begin: (info: ObjectInfo) => void = () => undefined,
): Promise<void> {
  const sink: FetchSink = {
    begin: async (info) => begin(info),
    write: (_position, bytes) => take(bytes),
  };
  const inOrder = { parallelRanges: 1, rangeBytes: Number.MAX_SAFE_INTEGER };
  const [row = null] = await services.ledger.candidates(ref);
  await fetchWhole(services, call, ref, { size: null, row }, inOrder, sink);
}

async function fetchWhole(
  { vault, keys, ledger }: ObjectServices,
  call: Call,
  ref: ObjectRef,
  { size, row }: KnownObject,
  ranges: Pick<FetchRequest, 'rangeBytes' | 'parallelRanges'>,
  sink: FetchSink,
): Promise<FetchedObject> {
  const all = await keys.keysFor(ref);
  const known = row ?? (await ledger.candidates(ref))[0] ?? null;
  // If S3 has no checksum, the ledger's is compared.
  const algorithm = known?.confirmation?.checksum?.algorithm;
  const request: FetchRequest = {
    ref,
    likely: likelyAccess(row, all),
    keys: all,
    expectedSize: size ?? (ranges.parallelRanges === 1 ? 0 : ranges.rangeBytes + 1),
    ...ranges,
    ...(algorithm === undefined ? {} : { algorithm }),
  };
  const fetched = await vault.fetch(call, request, sink);
  if (fetched === null) throw objectNotFound(ref);
  const rows = row === null ? await ledger.candidates(ref) : [row];
  const kept = rows.find(({ confirmation }) => isSameEtag(confirmation?.etag, fetched.info.etag));
  const sum = kept?.confirmation?.checksum ?? null;
  if (compareChecksums(sum, fetched.checksum) === 'different') {
    throw new Fault('corrupt', `the content of ${s3Url(ref)} does not match its checksum in the ledger`);
  }
  return fetched;
}

/** Returns access with the key that the ledger names, else without a key. */
function likelyAccess(row: LedgerRow | null, keys: readonly CustomerKey[]): ReadAccess {
  return row === null ? noKey : (accessWithKeys(row.sealedWith, keys) ?? noKey);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Returns the fault for an object that does not exist. */
export function objectNotFound(ref: ObjectRef): Fault {
  return new Fault('not-found', `there is no object ${s3Url(ref)}`);
}
