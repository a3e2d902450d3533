import { compareUtf8 } from '../bytes/utf8-order.js';
import type { Call, Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { isProbeObject } from '../model/gateway-objects.js';
import type { LedgerVersions, LiveRow } from '../model/ledger.js';
import type { ObjectRef } from '../model/object-store.js';
import type { ListedVersion, ObjectVersions, VersionPage } from '../model/object-versions.js';
import { compareKey, type KeyComparison, type ListedKey } from './compare.js';

/** Dependencies of a walk over a bucket. */
export interface WalkServices {
  readonly store: ObjectVersions;
  readonly versions: LedgerVersions;
  readonly clock: Clock;
}

/** Ledger rows read per query. */
const rowsAtOnce = 1000;

/**
 * Yields every key that the bucket or the ledger has after `afterKey`, in listing order, without probe
 * objects. Reads both page by page and compares them as it goes. Holds a page of each and all versions of one
 * key in memory. Throws `unsupported` for a server that lists in another order.
 */
export async function* walkBucket(
  services: WalkServices,
  call: Call,
  bucket: string,
  afterKey: string | null,
): AsyncGenerator<KeyComparison> {
  const listed = listedKeys(services, call, bucket, afterKey);
  const known = ledgerKeys(services.versions, bucket, afterKey);
  let version = (await listed.next()).value ?? null;
  let row = (await known.next()).value ?? null;
  while (version !== null || row !== null) {
    const order = version === null ? 1 : row === null ? -1 : compareUtf8(version.key, row.key);
    const listedKey =
      order <= 0 && version !== null ? version : absent(row?.key ?? '', services.clock.nowMs());
    const rows = order >= 0 && row !== null ? row.rows : [];
    yield compareKey(bucket, listedKey, rows);
    if (order <= 0) version = (await listed.next()).value ?? null;
    if (order >= 0) row = (await known.next()).value ?? null;
  }
}

/**
 * Compares a key again with the current rows, and with the current bucket if a version is missing. Writes and
 * removals in the meantime then do not count as differences.
 */
export async function compareAgain(
  services: WalkServices,
  call: Call,
  before: KeyComparison,
): Promise<KeyComparison> {
  const { bucket, key, versions, listedMs } = before;
  const rows = await services.versions.liveRowsOf({ bucket, key });
  const again = compareKey(bucket, { key, versions, listedMs }, rows);
  return again.missing.length === 0 ? again : await compareNow(services, call, { bucket, key });
}

async function compareNow(services: WalkServices, call: Call, ref: ObjectRef): Promise<KeyComparison> {
  const { bucket, key } = ref;
  const listedMs = services.clock.nowMs();
  const versions: ListedVersion[] = [];
  for (let next: VersionPage['next'] = null; ; ) {
    const more = next === null ? {} : { next };
    const page: VersionPage = await services.store.listVersions(call, { bucket, prefix: key, ...more });
    // The key itself is listed before the longer keys that begin with it.
    versions.push(...page.versions.filter((version) => version.key === key));
    next = page.next;
    if (next === null || page.versions.some((version) => version.key !== key)) break;
  }
  const rows = await services.versions.liveRowsOf(ref);
  return compareKey(bucket, { key, versions, listedMs }, rows);
}

function absent(key: string, listedMs: number): ListedKey {
  return { key, versions: [], listedMs };
}

/** Yields the versions of each key together. Requests the next page while the current one is processed. */
async function* listedKeys(
  { store, clock }: WalkServices,
  call: Call,
  bucket: string,
  afterKey: string | null,
): AsyncGenerator<ListedKey, undefined> {
  const ask = (next: VersionPage['next']) => {
    const listedMs = clock.nowMs();
    const request = { bucket, prefix: '', ...(next === null ? {} : { next }) };
    const page = store.listVersions(call, request).then((found) => ({ ...found, listedMs }));
    // Awaiting the page reports its error. The page may never be awaited.
    page.catch(() => undefined);
    return page;
  };
  let open: { readonly key: string; readonly versions: ListedVersion[]; readonly listedMs: number } | null =
    null;
  let asked = ask(afterKey === null ? null : { keyMarker: afterKey, versionIdMarker: '' });
  for (;;) {
    const page = await asked;
    const { next } = page;
    if (next !== null) asked = ask(next);
    for (const version of page.versions) {
      if (isProbeObject(version.key)) continue;
      if (open !== null && open.key !== version.key) {
        requireOrder(open.key, version.key);
        yield open;
        open = null;
      }
      open ??= { key: version.key, versions: [], listedMs: page.listedMs };
      open.versions.push(version);
    }
    if (next === null) break;
  }
  if (open !== null) yield open;
  return undefined;
}

function requireOrder(before: string, after: string): void {
  if (compareUtf8(before, after) < 0) return;
  throw new Fault(
    'unsupported',
    `S3 does not list in key order (${JSON.stringify(after)} after ${JSON.stringify(before)}), so the bucket cannot be compared with the ledger`,
  );
}

interface LedgerKey {
  readonly key: string;
  readonly rows: readonly LiveRow[];
}

async function* ledgerKeys(
  versions: LedgerVersions,
  bucket: string,
  afterKey: string | null,
): AsyncGenerator<LedgerKey, undefined> {
  for (let after = afterKey; ; ) {
    const page = await versions.liveRows(bucket, after, rowsAtOnce);
    for (const rows of byKey(page)) {
      after = rows.key;
      yield rows;
    }
    if (page.length === 0) return undefined;
  }
}

function* byKey(page: readonly LiveRow[]): Generator<LedgerKey> {
  let rows: LiveRow[] = [];
  for (const row of page) {
    const first = rows[0];
    if (first !== undefined && first.ref.key !== row.ref.key) {
      yield { key: first.ref.key, rows };
      rows = [];
    }
    rows.push(row);
  }
  const [first] = rows;
  if (first !== undefined) yield { key: first.ref.key, rows };
}
