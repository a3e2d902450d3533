import type { Generated } from 'kysely';

/** One mirrored prefix of a bucket. */
export interface MirrorPrefixTable {
  id: Generated<number>;
  name: string;
  /** `BUCKET/PREFIX` that the entries come from. */
  origin: string;
  empty_seen_ms: number | null;
  /** JSON, shown to people. */
  status: string | null;
}

/** One path of a mirrored prefix: a directory if it ends with `/`, else a file. */
export interface MirrorEntryTable {
  prefix_id: number;
  path: string;
  etag: string | null;
  size: number | null;
  last_modified_ms: number | null;
  /** Null if the object needed no key. */
  key_fingerprint: string | null;
  inode: number | null;
  disk_size: number | null;
  disk_mtime_ms: number | null;
  /** ETag of an object that no key opened. */
  refused_etag: string | null;
  refused_size: number | null;
  refused_modified_ms: number | null;
  /** Fingerprints of the keys tried, separated by spaces. */
  refused_keys: string | null;
}
