import type { Insertable, Selectable } from 'kysely';
import { type KeyFingerprint, parseKeyFingerprint } from '../../model/customer-key.js';
import type { MirrorEntry } from '../../model/mirror.js';
import type { MirrorEntryTable } from '../schema/mirror.js';

/** Converts an entry of the mirror into a database row. */
export function toRow(prefixId: number, entry: MirrorEntry): Insertable<MirrorEntryTable> {
  const { path, object, stamp, refusal } = entry;
  return {
    prefix_id: prefixId,
    path,
    etag: object?.etag ?? null,
    size: object?.size ?? null,
    last_modified_ms: object?.lastModifiedMs ?? null,
    key_fingerprint: object?.fingerprint ?? null,
    inode: stamp?.inode ?? null,
    disk_size: stamp?.size ?? null,
    disk_mtime_ms: stamp?.mtimeMs ?? null,
    refused_etag: refusal?.etag ?? null,
    refused_size: refusal?.size ?? null,
    refused_modified_ms: refusal?.lastModifiedMs ?? null,
    refused_keys: refusal?.tried.join(' ') ?? null,
  };
}

/** Converts a database row into an entry of the mirror. */
export function toEntry(row: Selectable<MirrorEntryTable>): MirrorEntry {
  const { etag, size, last_modified_ms: lastModifiedMs, key_fingerprint: fingerprint } = row;
  const { inode, disk_size: diskSize, disk_mtime_ms: mtimeMs } = row;
  return {
    path: row.path,
    object:
      etag === null || size === null || lastModifiedMs === null
        ? null
        : { etag, size, lastModifiedMs, fingerprint: known(fingerprint) },
    stamp:
      inode === null || diskSize === null || mtimeMs === null ? null : { inode, size: diskSize, mtimeMs },
    refusal:
      row.refused_etag === null
        ? null
        : {
            etag: row.refused_etag,
            size: row.refused_size ?? 0,
            lastModifiedMs: row.refused_modified_ms ?? 0,
            tried: (row.refused_keys ?? '').split(' ').filter(Boolean).map(parseKeyFingerprint),
          },
  };
}

/** Cache of parsed fingerprints, because most rows of a prefix have one of a few keys. */
const fingerprints = new Map<string, KeyFingerprint>();

function known(text: string | null): KeyFingerprint | null {
  if (text === null) return null;
  const parsed = fingerprints.get(text) ?? parseKeyFingerprint(text);
  if (fingerprints.size < 1000) fingerprints.set(text, parsed);
  return parsed;
}
