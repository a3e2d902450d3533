import type { Call } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { ObjectStore } from '../model/object-store.js';
import type { ListedVersion, ObjectVersions } from '../model/object-versions.js';

/** All versions of one key, newest first. */
export interface VersionGroup {
  readonly key: string;
  readonly versions: readonly ListedVersion[];
}

type Listing = Pick<ObjectStore, 'list'> & ObjectVersions;

/**
 * Yields every object below the prefix after a given key, with its versions, in key order. Yields only the
 * current objects, and calls `onWithoutVersions` once, if the server cannot or may not list versions.
 */
export async function* versionGroups(
  store: Listing,
  call: Call,
  where: { readonly bucket: string; readonly prefix: string; readonly after: string | null },
  onWithoutVersions: () => void,
): AsyncGenerator<VersionGroup> {
  let group: ListedVersion[] = [];
  for await (const version of listed(store, call, where, onWithoutVersions)) {
    if (group[0] !== undefined && group[0].key !== version.key) {
      yield { key: group[0].key, versions: group };
      group = [];
    }
    group.push(version);
  }
  if (group[0] !== undefined) yield { key: group[0].key, versions: group };
}

async function* listed(
  store: Listing,
  call: Call,
  { bucket, prefix, after }: { bucket: string; prefix: string; after: string | null },
  onWithoutVersions: () => void,
): AsyncGenerator<ListedVersion> {
  let next = after === null ? null : { keyMarker: after, versionIdMarker: '' };
  try {
    do {
      const page = await store.listVersions(call, { bucket, prefix, ...(next === null ? {} : { next }) });
      yield* page.versions;
      next = page.next;
    } while (next !== null);
  } catch (error) {
    if (next?.versionIdMarker || !isFault(error, 'denied', 'unsupported')) throw error;
    onWithoutVersions();
    yield* current(store, call, { bucket, prefix, after: next?.keyMarker ?? null });
  }
}

async function* current(
  store: Listing,
  call: Call,
  { bucket, prefix, after }: { bucket: string; prefix: string; after: string | null },
): AsyncGenerator<ListedVersion> {
  let continuation: string | null = null;
  do {
    const request = { bucket, prefix, delimiter: null };
    const from: { continuation?: string; startAfter?: string } =
      continuation !== null ? { continuation } : after === null ? {} : { startAfter: after };
    const page = await store.list(call, { ...request, ...from });
    for (const object of page.objects) {
      yield { ...object, versionId: null, isLatest: true, isDeleteMarker: false };
    }
    continuation = page.continuation;
  } while (continuation !== null);
}
