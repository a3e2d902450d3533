import type { Generated, Insertable, Selectable } from 'kysely';

/** One write of an object, with the key that encrypts it. Rows are never deleted. */
export interface SealedObjectTable {
  /** Order in which the writes were intended. */
  seq: Generated<number>;
  id: string;
  bucket: string;
  object_key: string;
  /** `object_key` up to and including its last `/`, for the listing of one directory. */
  parent_prefix: string;
  state: 'intended' | 'confirmed' | 'abandoned' | 'removed';
  /** 1 for the row of an object that was confirmed last, until the object is removed. */
  is_current: number;
  sealed_kind: 'sse-c' | 'sse-s3' | 'sse-kms' | 'bucket-default';
  key_fingerprint: string | null;
  key_md5: string | null;
  kms_key_arn: string | null;
  actor: string;
  request_id: string;
  upload_id: string | null;
  size: number | null;
  checksum: number | null;
  /** Meaningful only with a checksum. */
  checksum_algorithm: Generated<'crc32' | 'crc32c'>;
  etag: string | null;
  version_id: string | null;
  mtime_seconds: number | null;
  intended_ms: number;
  /** Time of the confirmation or abandonment. */
  settled_ms: number | null;
  /**
   * Highest `seq` of the table at the confirmation. If it is not below the `seq` of another write, the two
   * writes overlapped.
   */
  settled_seq: number | null;
  removed_ms: number | null;
  removed_by: string | null;
  /** Time since which S3 is known not to have this version; null while it may have it. */
  gone_ms: number | null;
}

/** A row of the ledger as it is read. */
export type SealedObjectRow = Selectable<SealedObjectTable>;
/** A row of the ledger as it is inserted. */
export type NewSealedObject = Insertable<SealedObjectTable>;

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

/** A key that was proven unused. It cannot encrypt new objects. */
export interface BarredKeyTable {
  key_fingerprint: string;
  barred_ms: number;
}

/** One rotation of a user's key, with its progress. */
export interface RotationJobTable {
  seq: Generated<number>;
  id: string;
  username: string;
  bucket: string;
  prefix: string;
  new_key: string;
  /** Fingerprints separated by spaces, as in `retired_keys`. */
  old_keys: string;
  versions: string;
  /** JSON, as in `counts`. */
  pace: string;
  state: 'running' | 'done';
  cursor_key: string | null;
  counts: string;
  obstacle: string | null;
  retired_keys: string;
  created_ms: number;
  updated_ms: number;
  finished_ms: number | null;
}

/** An object or version that a rotation could not re-encrypt. */
export interface RotationProblemTable {
  job_id: string;
  object_key: string;
  /** Empty for the current object. */
  version_id: string;
  kind: string;
  text: string;
}

/** A multipart upload that waits for its client. Its row is `intended`. */
export interface ParkedUploadTable {
  row_id: string;
  /** JSON with S3's receipt for each part. */
  parts: string;
  mtime_seconds: number | null;
  parked_ms: number;
}

/** All tables of the database. */
export interface Schema {
  sealed_object: SealedObjectTable;
  barred_key: BarredKeyTable;
  parked_upload: ParkedUploadTable;
  mirror_prefix: MirrorPrefixTable;
  mirror_entry: MirrorEntryTable;
  rotation_job: RotationJobTable;
  rotation_problem: RotationProblemTable;
}
