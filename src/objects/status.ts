import type { Call } from '../model/call.js';
import type { Checksum } from '../model/checksum.js';
import { isFault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import { findListed } from '../model/list-pages.js';
import { isSameEtag, type ListedVersion, type ObjectInfo, type ObjectRef } from '../model/object-store.js';
import { mtimeOf } from '../vault/mtime.js';
import { contentOf } from './content.js';
import { EncryptionLookup, type KnownEncryption } from './encryption-lookup.js';
import { absent } from './get.js';
import { type ListEntry, versionEntry, versionRows } from './listing.js';
import { versionsOf } from './remove.js';
import type { ObjectServices } from './services.js';

/** Who wrote an object through this gateway, and when. */
export interface Writer {
  readonly actor: string;
  readonly requestId: string;
  readonly beganMs: number;
  readonly confirmedMs: number | null;
}

/** All that is known of one object. */
export interface ObjectStatus {
  readonly ref: ObjectRef;
  /** Its newest version is a delete marker; what is said is said of that. */
  readonly isRemoved: boolean;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly encryption: KnownEncryption;
  /** Null when no key opens it: then S3 tells nothing of these. */
  readonly info: ObjectInfo | null;
  /** The file's own time, in seconds. */
  readonly mtimeSeconds: number | null;
  readonly checksum: Checksum | null;
  /** Null when the ledger does not know it. */
  readonly writer: Writer | null;
  /** Writes of this object whose end the ledger does not know (yet). */
  readonly unsettledWrites: readonly Writer[];
  readonly versions: readonly Exclude<ListEntry, { kind: 'directory' }>[];
}

/** Throws `not-found` when there is neither the object nor a version of it, and the faults of the store. */
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
  if (latest === undefined) throw absent(ref);
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

/** Only the newest where the versions may not be listed: that needs a permission of its own. */
async function knownVersions(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
): Promise<readonly ListedVersion[]> {
  try {
    return await versionsOf(services, call, ref);
  } catch (error) {
    if (!isFault(error, 'denied', 'unsupported')) throw error;
    const object = await findListed(services.store, call, ref);
    return object === null ? [] : [{ ...object, versionId: null, isLatest: true, isDeleteMarker: false }];
  }
}

/** What S3 says, else what the ledger does. */
async function encryptionOf(
  lookup: EncryptionLookup,
  seen: KnownEncryption | null,
  row: LedgerRow | null,
): Promise<KnownEncryption> {
  const isTold = seen !== null && seen.kind !== 'sse-c-unknown-key' && seen.kind !== 'not-known';
  if (isTold || row === null) return seen ?? { kind: 'not-known', why: 'it is removed' };
  return lookup.ofRow(row.sealedWith);
}

function writerOf({ actor, requestId, intendedMs, settledMs }: LedgerRow): Writer {
  return { actor, requestId, beganMs: intendedMs, confirmedMs: settledMs };
}
