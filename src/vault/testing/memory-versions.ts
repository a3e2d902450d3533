import type { CannedAcl, WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import { keyTagName, type ObjectInfo, type ObjectTagSet } from '../../model/object-store.js';
import type { ListedVersion, VersionPage, VersionsRequest } from '../../model/object-versions.js';

/** One version of an object in memory. */
export interface StoredObject {
  readonly bytes: Buffer;
  readonly info: ObjectInfo;
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
  readonly tags: ObjectTagSet;
  readonly isDeleteMarker: boolean;
}

/**
 * Returns the version id that S3 lists and accepts. Without versioning an object's only version is called
 * `null`.
 */
export function versionNameOf(object: StoredObject): string {
  return object.info.versionId ?? 'null';
}

/** Returns a delete marker. */
export function deleteMarker(versionId: string, lastModifiedMs: number): StoredObject {
  const info: ObjectInfo = {
    size: 0,
    etag: '',
    versionId,
    lastModifiedMs,
    encryption: { kind: 'unknown' },
    metadata: {},
    contentType: null,
    checksum: null,
  };
  const encryption: WriteEncryption = { kind: 'bucket-default' };
  return { bytes: Buffer.alloc(0), info, encryption, acl: null, tags: {}, isDeleteMarker: true };
}

/** Returns the tags of a write: the tag of the key, and on a copy the other tags of its source. */
export function tagsFor(encryption: WriteEncryption, source: ObjectTagSet = {}): ObjectTagSet {
  const { [keyTagName]: _, ...others } = source;
  return encryption.kind === 'sse-c' ? { ...others, [keyTagName]: encryption.key.fingerprint } : others;
}

/** Throws `invalid` for more than ten tags. */
export function checkTags(tags: ObjectTagSet): void {
  if (Object.keys(tags).length > 10) throw new Fault('invalid', 'an object can have at most ten tags');
}

/** Returns one page of all versions, given the versions of each object of the bucket, the oldest first. */
export function versionPage(
  objects: ReadonlyMap<string, readonly StoredObject[]>,
  request: VersionsRequest,
): VersionPage {
  const bucket = `${request.bucket}/`;
  const all = [...objects]
    .filter(([name]) => name.startsWith(`${bucket}${request.prefix}`))
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap(([name, versions]) => listed(name.slice(bucket.length), versions));
  const start = startOf(all, request.next ?? null);
  const versions = all.slice(start, start + Math.min(1000, request.maxKeys ?? 1000));
  const last = versions.at(-1);
  const isLast = last === undefined || start + versions.length === all.length;
  return {
    versions,
    next: isLast ? null : { keyMarker: last.key, versionIdMarker: last.versionId ?? '' },
  };
}

function listed(key: string, versions: readonly StoredObject[]): ListedVersion[] {
  return versions.toReversed().map((object, age) => ({
    key,
    versionId: versionNameOf(object),
    isLatest: age === 0,
    isDeleteMarker: object.isDeleteMarker,
    size: object.info.size,
    etag: object.info.etag,
    lastModifiedMs: object.info.lastModifiedMs,
  }));
}

function startOf(all: readonly ListedVersion[], next: VersionPage['next']): number {
  if (next === null) return 0;
  const marker = Buffer.from(next.keyMarker);
  const at = all.findIndex(({ key, versionId }) =>
    next.versionIdMarker === '' ? false : key === next.keyMarker && versionId === next.versionIdMarker,
  );
  if (at !== -1) return at + 1;
  const behind = all.findIndex(({ key }) => Buffer.compare(Buffer.from(key), marker) > 0);
  return behind === -1 ? all.length : behind;
}
