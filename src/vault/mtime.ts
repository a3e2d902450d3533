import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { restsUnder } from './sealed-with.js';

/** The metadata that keeps a file's time: decimal seconds since the epoch, as rclone writes it. */
const metadataName = 'mtime';

export function mtimeMetadata(mtimeSeconds: number | null): Readonly<Record<string, string>> {
  return mtimeSeconds === null ? {} : { [metadataName]: String(mtimeSeconds) };
}

/** The file's time that the object's metadata keeps, in seconds; null when there is none, or none that is a number. */
export function mtimeOfMetadata(info: ObjectInfo): number | null {
  const text = info.metadata[metadataName];
  if (text === undefined || !/^-?\d{1,12}(?:\.\d+)?$/.test(text)) return null;
  return Number(text);
}

/**
 * The confirmed row that tells of this very object, null when the ledger knows another one, or none. The ETag alone does not
 * say it: at Ceph the same content has the same one under another key.
 */
export function rowOf(info: ObjectInfo, candidates: readonly LedgerRow[]): LedgerRow | null {
  const tells = (row: LedgerRow) =>
    row.confirmation?.etag === info.etag && restsUnder(info.encryption, row.sealedWith);
  return candidates.find(tells) ?? null;
}

/** The file's own time where somebody set one: the ledger's, which knows of later changes, else the metadata's. */
export function ownMtime(info: ObjectInfo, candidates: readonly LedgerRow[]): number | null {
  return rowOf(info, candidates)?.confirmation?.mtimeSeconds ?? mtimeOfMetadata(info);
}

/** The file's time as a person sees it: its own, else S3's. */
export function mtimeOf(info: ObjectInfo, candidates: readonly LedgerRow[]): number {
  return ownMtime(info, candidates) ?? info.lastModifiedMs / 1000;
}

/** The ledger keeps whole seconds, as SFTP does. */
export function wholeSeconds(mtimeSeconds: number | null): number | null {
  return mtimeSeconds === null ? null : Math.floor(mtimeSeconds);
}
