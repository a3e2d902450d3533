import { mapBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import type { LedgerRow } from '../model/ledger.js';
import { listPages } from '../model/list-pages.js';
import { isSameEtag, type ListedObject, type ListPage } from '../model/object-store.js';
import type { ListedVersion, VersionPage } from '../model/object-versions.js';
import { EncryptionLookup, type KnownEncryption } from './encryption-lookup.js';
import { type ObjectServices, parallelObjects } from './services.js';

/** Range and depth of a listing. */
export interface ObjectListRequest {
  readonly bucket: string;
  /** Prefix of the keys; empty for all. */
  readonly prefix: string;
  /** Lists all levels. If false, lists one level with its directories. */
  readonly recursive: boolean;
  readonly versions: boolean;
}

/** An object, or one version of it, in a listing. */
export interface ObjectEntry {
  readonly kind: 'object';
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly encryption: KnownEncryption;
  /** The user that wrote it through the gateway, by the ledger; null if another client has. */
  readonly writtenBy: string | null;
  /** Null unless versions were requested. */
  readonly version: { readonly id: string | null; readonly isLatest: boolean } | null;
}

/** One line of a listing. */
export type ListEntry =
  | ObjectEntry
  | { readonly kind: 'directory'; readonly key: string }
  | {
      readonly kind: 'delete-marker';
      readonly key: string;
      readonly lastModifiedMs: number;
      readonly version: { readonly id: string | null; readonly isLatest: boolean };
    };

/**
 * Yields the contents of a bucket in S3's order, page by page, with the encryption of each object. Asks the
 * ledger once per page. Inspects objects that the ledger does not know or that have changed, a few in
 * parallel. Holds one page in memory.
 */
export async function* listEntries(
  services: ObjectServices,
  call: Call,
  request: ObjectListRequest,
): AsyncGenerator<ListEntry> {
  const lookup = new EncryptionLookup(services, call);
  yield* request.versions
    ? versionEntries(services, call, request, lookup)
    : objectEntries(services, call, request, lookup);
}

/** A position in a listing: S3's own, so that it stays valid when objects come and go. */
export type ListPosition =
  | { readonly continuation: string }
  | { readonly keyMarker: string; readonly versionIdMarker: string };

/** One page of a listing, and the position of the following one; null for the last page. */
export interface EntryPage {
  readonly entries: readonly ListEntry[];
  readonly next: ListPosition | null;
}

/**
 * Returns the page of a listing after a position (null: the first). It has at most `limit` entries, up to 1,000,
 * and may have fewer. Faults: those of the store.
 */
export async function listEntriesPage(
  services: ObjectServices,
  call: Call,
  request: ObjectListRequest,
  { after, limit }: { readonly after: ListPosition | null; readonly limit: number },
): Promise<EntryPage> {
  const lookup = new EncryptionLookup(services, call);
  const { bucket, prefix, recursive } = request;
  if (request.versions) {
    const next = after !== null && 'keyMarker' in after ? { next: after } : {};
    const page = await services.store.listVersions(call, { bucket, prefix, maxKeys: limit, ...next });
    const lastDirectory =
      after !== null && 'keyMarker' in after ? directoryOf(request, after.keyMarker) : null;
    const entries = await entriesOfVersions(services, request, page, lastDirectory, lookup);
    return { entries, next: page.next };
  }
  const page = await services.store.list(call, {
    bucket,
    prefix,
    delimiter: recursive ? null : '/',
    maxKeys: limit,
    ...(after !== null && 'continuation' in after ? { continuation: after.continuation } : {}),
  });
  const entries = await entriesOfObjects(services, bucket, page, lookup);
  return { entries, next: page.continuation === null ? null : { continuation: page.continuation } };
}

async function* objectEntries(
  services: ObjectServices,
  call: Call,
  { bucket, prefix, recursive }: ObjectListRequest,
  lookup: EncryptionLookup,
): AsyncGenerator<ListEntry> {
  const delimiter = recursive ? null : '/';
  for await (const page of listPages(services.store, call, { bucket, prefix, delimiter })) {
    yield* await entriesOfObjects(services, bucket, page, lookup);
  }
}

async function entriesOfObjects(
  services: ObjectServices,
  bucket: string,
  page: Pick<ListPage, 'objects' | 'prefixes'>,
  lookup: EncryptionLookup,
): Promise<readonly ListEntry[]> {
  const keys = page.objects.map(({ key }) => key);
  const rows = await services.rows.currentOf(bucket, keys);
  const objects = await mapBounded(page.objects, parallelObjects, (object) =>
    objectEntry(bucket, object, rows.get(object.key) ?? null, lookup),
  );
  const directories = page.prefixes.map((key): ListEntry => ({ kind: 'directory', key }));
  const found = objects.filter((entry) => entry !== null);
  return [...inOrder(found, directories)];
}

/** Returns null if the object was removed in the meantime. */
async function objectEntry(
  bucket: string,
  { key, size, etag, lastModifiedMs }: ListedObject,
  row: LedgerRow | null,
  lookup: EncryptionLookup,
): Promise<ObjectEntry | null> {
  const entry = { kind: 'object', key, size, etag, lastModifiedMs, version: null } as const;
  if (row !== null && isSameEtag(row.confirmation?.etag, etag)) {
    return { ...entry, encryption: await lookup.ofRow(row.sealedWith), writtenBy: row.actor };
  }
  const found = await lookup.at({ bucket, key });
  return found && { ...entry, encryption: found.encryption, writtenBy: null };
}

async function* versionEntries(
  services: ObjectServices,
  call: Call,
  request: ObjectListRequest,
  lookup: EncryptionLookup,
): AsyncGenerator<ListEntry> {
  const { bucket, prefix } = request;
  let lastDirectory: string | null = null;
  for (let next: VersionPage['next'] | undefined; next !== null; ) {
    const page: VersionPage = await services.store.listVersions(call, {
      bucket,
      prefix,
      ...(next === undefined ? {} : { next }),
    });
    yield* await entriesOfVersions(services, request, page, lastDirectory, lookup);
    const last = page.versions.at(-1);
    if (last !== undefined) lastDirectory = directoryOf(request, last.key) ?? lastDirectory;
    next = page.next;
  }
}

/** Returns the directory that stands for a key in a listing of one level; null if the key itself is listed. */
function directoryOf({ prefix, recursive }: ObjectListRequest, key: string): string | null {
  const slash = recursive ? -1 : key.indexOf('/', prefix.length);
  return slash === -1 ? null : key.slice(0, slash + 1);
}

/** `lastDirectory` is the last directory of the page before, which is not listed again. */
async function entriesOfVersions(
  services: ObjectServices,
  request: ObjectListRequest,
  page: VersionPage,
  lastDirectory: string | null,
  lookup: EncryptionLookup,
): Promise<readonly ListEntry[]> {
  const { bucket } = request;
  const shown: (ListedVersion | { readonly directory: string })[] = [];
  let last = lastDirectory;
  for (const version of page.versions) {
    const directory = directoryOf(request, version.key);
    if (directory === null) shown.push(version);
    else if (directory !== last) shown.push({ directory });
    last = directory ?? last;
  }
  const versions = shown.filter((item) => 'versionId' in item);
  const find = await versionRows(services, bucket, versions);
  const entries = await mapBounded(
    shown,
    parallelObjects,
    async (item): Promise<ListEntry | null> =>
      'directory' in item
        ? { kind: 'directory', key: item.directory }
        : versionEntry(bucket, item, find(item), lookup),
  );
  return entries.filter((entry) => entry !== null);
}

/** Returns a function that finds the ledger's row of a version; null for none. */
export async function versionRows(
  services: ObjectServices,
  bucket: string,
  versions: readonly ListedVersion[],
): Promise<(version: ListedVersion) => LedgerRow | null> {
  const keys = [...new Set(versions.map(({ key }) => key))];
  const older = await services.rows.versionsOf(bucket, keys);
  const current = await services.rows.currentOf(bucket, keys);
  const nameOf = (key: string, id: string | null) => `${id ?? ''} ${key}`;
  const byVersion = new Map(
    older.map((row) => [nameOf(row.ref.key, row.confirmation?.versionId ?? null), row]),
  );
  return (version) => {
    const row = byVersion.get(nameOf(version.key, version.versionId)) ?? current.get(version.key) ?? null;
    return isSameEtag(row?.confirmation?.etag, version.etag) ? row : null;
  };
}

/** Returns null if the object was removed in the meantime. */
export async function versionEntry(
  bucket: string,
  { key, size, etag, lastModifiedMs, versionId, isLatest, isDeleteMarker }: ListedVersion,
  row: LedgerRow | null,
  lookup: EncryptionLookup,
): Promise<Exclude<ListEntry, { kind: 'directory' }> | null> {
  const version = { id: versionId, isLatest };
  if (isDeleteMarker) return { kind: 'delete-marker', key, lastModifiedMs, version };
  const entry = { kind: 'object', key, size, etag, lastModifiedMs, version } as const;
  if (row !== null) return { ...entry, encryption: await lookup.ofRow(row.sealedWith), writtenBy: row.actor };
  const found = await lookup.at({ bucket, key }, versionId ?? undefined);
  return found && { ...entry, encryption: found.encryption, writtenBy: null };
}

/** Merges two lists that are already in byte order. */
function* inOrder(objects: readonly ListEntry[], directories: readonly ListEntry[]): Generator<ListEntry> {
  let at = 0;
  for (const object of objects) {
    const bytes = Buffer.from(object.key);
    for (; at < directories.length; at += 1) {
      const directory = directories[at];
      if (directory === undefined || Buffer.compare(Buffer.from(directory.key), bytes) > 0) break;
      yield directory;
    }
    yield object;
  }
  yield* directories.slice(at);
}
