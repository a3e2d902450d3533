import type { Call } from '../model/call.js';
import type { Checksum } from '../model/checksum.js';
import { isFault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import { findListed, versionsOf } from '../model/list-pages.js';
import { isSameEtag, type ObjectInfo, type ObjectRef } from '../model/object-store.js';
import type { ListedVersion } from '../model/object-versions.js';
import { mtimeOf } from '../vault/mtime.js';
import { contentOf } from './content.js';
import { EncryptionLookup, type KnownEncryption } from './encryption-lookup.js';
import { objectNotFound } from './get.js';
import { type ListEntry, versionEntry, versionRows } from './listing.js';
import type { ObjectServices } from './services.js';

/** Writer of an object through this gateway, with the times of the write. */
export interface ObjectWriter {
  readonly actor: string;
  readonly requestId: string;
  readonly beganMs: number;
  readonly confirmedMs: number | null;
}

/** All available information about one object. */
export interface ObjectStatus {
  readonly ref: ObjectRef;
  /** True if the newest version is a delete marker. Size, ETag and time are then those of the marker. */
  readonly isRemoved: boolean;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly encryption: KnownEncryption;
  /** Null if no key opens the object: S3 then returns no metadata. */
  readonly info: ObjectInfo | null;
  /** Modification time of the file in seconds. */
  readonly mtimeSeconds: number | null;
  readonly checksum: Checksum | null;
  /** Null if the ledger has no row of it. */
  readonly writer: ObjectWriter | null;
  /** Writes of this object whose outcome the ledger does not know (yet). */
  readonly unsettledWrites: readonly ObjectWriter[];
  readonly versions: readonly Exclude<ListEntry, { kind: 'directory' }>[];
}

/**
 * Collects the status of an object. Throws `not-found` if neither the object nor a version of it exists, and
 * the faults of the store.
 */
export async function statObject(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
): Promise<ObjectStatus> {
  const lookup = new EncryptionLookup(services, call);
  const listed = await knownVersions(services, call, ref);
  const rowOfVersion = await versionRows(services, ref.bucket, listed);
  const versions = [];
  for (const version of listed) {
    const entry = await versionEntry(ref.bucket, version, rowOfVersion(version), lookup);
    if (entry !== null) versions.push(entry);
  }
  const latest = listed.find((version) => version.isLatest) ?? listed[0];
  if (latest === undefined) throw objectNotFound(ref);
  const found = latest.isDeleteMarker ? null : await lookup.at(ref);
  const candidates = await services.ledger.candidates(ref);
  const row = candidates.find(({ confirmation }) => isSameEtag(confirmation?.etag, latest.etag)) ?? null;
  const info = found?.info ?? null;
  const content = info === null ? null : contentOf(info, candidates);
  return {
    ref,
    isRemoved: latest.isDeleteMarker,
    size: latest.size,
    etag: latest.etag,
    lastModifiedMs: latest.lastModifiedMs,
    encryption: await encryptionOf(lookup, found?.encryption ?? null, row),
    info,
    mtimeSeconds: info === null ? (row?.confirmation?.mtimeSeconds ?? null) : mtimeOf(info, candidates),
    checksum: content?.checksum ?? row?.confirmation?.checksum ?? null,
    writer: row === null ? null : writerOf(row),
    unsettledWrites: candidates.filter(({ state }) => state === 'intended').map(writerOf),
    versions,
  };
}

/**
 * Returns all versions. Returns only the current one if listing versions, which needs its own permission, is
 * refused.
 */
async function knownVersions(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
): Promise<readonly ListedVersion[]> {
  try {
    return await versionsOf(services.store, call, ref);
  } catch (error) {
    if (!isFault(error, 'denied', 'unsupported')) throw error;
    const object = await findListed(services.store, call, ref);
    return object === null ? [] : [{ ...object, versionId: null, isLatest: true, isDeleteMarker: false }];
  }
}

/** Returns the encryption that S3 reports, else that of the ledger. */
async function encryptionOf(
  lookup: EncryptionLookup,
  seen: KnownEncryption | null,
  row: LedgerRow | null,
): Promise<KnownEncryption> {
  const isKnown = seen !== null && seen.kind !== 'sse-c-unknown-key' && seen.kind !== 'not-known';
  if (isKnown || row === null) return seen ?? { kind: 'not-known', why: 'the object is removed' };
  return lookup.ofRow(row.sealedWith);
}

function writerOf({ actor, requestId, intendedMs, settledMs }: LedgerRow): ObjectWriter {
  return { actor, requestId, beganMs: intendedMs, confirmedMs: settledMs };
}
