import { mapBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import type { LedgerRow } from '../model/ledger.js';
import { listPages } from '../model/list-pages.js';
import { isSameEtag, type ListedObject } from '../model/object-store.js';
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

async function* objectEntries(
  services: ObjectServices,
  call: Call,
  { bucket, prefix, recursive }: ObjectListRequest,
  lookup: EncryptionLookup,
): AsyncGenerator<ListEntry> {
  const delimiter = recursive ? null : '/';
  for await (const page of listPages(services.store, call, { bucket, prefix, delimiter })) {
    const keys = page.objects.map(({ key }) => key);
    const rows = await services.rows.currentOf(bucket, keys);
    const objects = await mapBounded(page.objects, parallelObjects, (object) =>
      objectEntry(bucket, object, rows.get(object.key) ?? null, lookup),
    );
    const directories = page.prefixes.map((key): ListEntry => ({ kind: 'directory', key }));
    const found = objects.filter((entry) => entry !== null);
    yield* inOrder(found, directories);
  }
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
    return { ...entry, encryption: await lookup.ofRow(row.sealedWith) };
  }
  const found = await lookup.at({ bucket, key });
  return found && { ...entry, encryption: found.encryption };
}

async function* versionEntries(
  services: ObjectServices,
  call: Call,
  { bucket, prefix, recursive }: ObjectListRequest,
  lookup: EncryptionLookup,
): AsyncGenerator<ListEntry> {
  let lastDirectory: string | null = null;
  for (let next: VersionPage['next'] | undefined; next !== null; ) {
    const page: VersionPage = await services.store.listVersions(call, {
      bucket,
      prefix,
      ...(next === undefined ? {} : { next }),
    });
    const shown: (ListedVersion | { readonly directory: string })[] = [];
    for (const version of page.versions) {
      const slash = recursive ? -1 : version.key.indexOf('/', prefix.length);
      const directory = slash === -1 ? null : version.key.slice(0, slash + 1);
      if (directory === null) shown.push(version);
      else if (directory !== lastDirectory) shown.push({ directory });
      lastDirectory = directory ?? lastDirectory;
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
    yield* entries.filter((entry) => entry !== null);
    next = page.next;
  }
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
  if (row !== null) return { ...entry, encryption: await lookup.ofRow(row.sealedWith) };
  const found = await lookup.at({ bucket, key }, versionId ?? undefined);
  return found && { ...entry, encryption: found.encryption };
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
