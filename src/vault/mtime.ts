import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { isEncryptedAs } from './sealed-with.js';

/** Metadata name for the file time. Its value is decimal seconds since the epoch, as rclone writes it. */
const metadataName = 'mtime';

/** Returns the metadata that stores a file time in seconds since the epoch; empty for null. */
export function mtimeMetadata(mtimeSeconds: number | null): Readonly<Record<string, string>> {
  return mtimeSeconds === null ? {} : { [metadataName]: String(mtimeSeconds) };
}

/** Returns an object's metadata with another file time in seconds since the epoch, or without one for null. */
export function withMtime(
  metadata: Readonly<Record<string, string>>,
  mtimeSeconds: number | null,
): Readonly<Record<string, string>> {
  const { [metadataName]: _, ...others } = metadata;
  return { ...others, ...mtimeMetadata(mtimeSeconds) };
}

/**
 * Returns the file time in the object's metadata, in seconds since the epoch, or null if there is no valid
 * number.
 */
export function mtimeOfMetadata(info: ObjectInfo): number | null {
  const text = info.metadata[metadataName];
  if (text === undefined || !/^-?\d{1,12}(?:\.\d+)?$/.test(text)) return null;
  return Number(text);
}

/**
 * Returns the confirmed ledger row of exactly this object, or null if there is none. The ETag alone is not
 * enough: Ceph keeps the ETag when the same content is copied to another key.
 */
export function rowOf(info: ObjectInfo, candidates: readonly LedgerRow[]): LedgerRow | null {
  const hasTime = (row: LedgerRow) =>
    row.confirmation?.etag === info.etag && isEncryptedAs(info.encryption, row.sealedWith);
  return candidates.find(hasTime) ?? null;
}

/**
 * Returns the file time that a client set, or null. The ledger comes before the metadata because it knows
 * later changes.
 */
export function ownMtime(info: ObjectInfo, candidates: readonly LedgerRow[]): number | null {
  return rowOf(info, candidates)?.confirmation?.mtimeSeconds ?? mtimeOfMetadata(info);
}

/** Returns the file time to show, in seconds since the epoch: the client's, else S3's. */
export function mtimeOf(info: ObjectInfo, candidates: readonly LedgerRow[]): number {
  return ownMtime(info, candidates) ?? info.lastModifiedMs / 1000;
}

/** Rounds down to whole seconds, which is what SFTP and the ledger store. */
export function wholeSeconds(mtimeSeconds: number | null): number | null {
  return mtimeSeconds === null ? null : Math.floor(mtimeSeconds);
}
