import type { Generated, Insertable, Selectable } from 'kysely';

/** One write to an object: which key sealed it. Rows are never deleted. */
export interface SealedObjectTable {
  /** The order in which writes were intended. */
  seq: Generated<number>;
  id: string;
  bucket: string;
  object_key: string;
  /** `object_key` up to and with its last `/`: what a listing of one directory looks for. */
  parent_prefix: string;
  state: 'intended' | 'confirmed' | 'abandoned' | 'removed';
  /** 1 for the row of each object that was confirmed last, until the object is removed. */
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
  /** Says something only where there is a checksum. */
  checksum_algorithm: Generated<'crc32' | 'crc32c'>;
  etag: string | null;
  version_id: string | null;
  mtime_seconds: number | null;
  intended_ms: number;
  /** When it was confirmed or abandoned. */
  settled_ms: number | null;
  /** The highest `seq` of the table when it was confirmed: two writes overlapped in time when it is not below the other's `seq`. */
  settled_seq: number | null;
  removed_ms: number | null;
  removed_by: string | null;
  /** Since when it is known that S3 does not hold this version any more; null while it may. */
  gone_ms: number | null;
}

export type SealedObjectRow = Selectable<SealedObjectTable>;
export type NewSealedObject = Insertable<SealedObjectTable>;

/** One mirrored prefix of a bucket. */
export interface MirrorPrefixTable {
  id: Generated<number>;
  name: string;
  /** `BUCKET/PREFIX` that the entries were made of. */
  origin: string;
  empty_seen_ms: number | null;
  /** JSON, for a person. */
  status: string | null;
}

/** One path of a mirrored prefix: a file, or a directory when it ends with `/`. */
export interface MirrorEntryTable {
  prefix_id: number;
  path: string;
  etag: string | null;
  size: number | null;
  last_modified_ms: number | null;
  /** Null when the object needed no key. */
  key_fingerprint: string | null;
  inode: number | null;
  disk_size: number | null;
  disk_mtime_ms: number | null;
  /** The object that no key opened. */
  refused_etag: string | null;
  refused_size: number | null;
  refused_modified_ms: number | null;
  /** The fingerprints tried, separated by spaces. */
  refused_keys: string | null;
}

/** A key that nothing needed when it was asked: nothing may be written under it any more. */
export interface BarredKeyTable {
  key_fingerprint: string;
  barred_ms: number;
}

/** One change of a user's key, with how far it is. */
export interface RotationJobTable {
  seq: Generated<number>;
  id: string;
  username: string;
  bucket: string;
  prefix: string;
  new_key: string;
  /** Fingerprints, separated by spaces; likewise `retired_keys`. */
  old_keys: string;
  versions: string;
  /** JSON, likewise `counts`. */
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

/** What a rotation could not do. */
export interface RotationProblemTable {
  job_id: string;
  object_key: string;
  /** Empty for the object as it is. */
  version_id: string;
  kind: string;
  text: string;
}

/** A multipart upload that waits for its client; its row is `intended`. */
export interface ParkedUploadTable {
  row_id: string;
  /** JSON: what S3 said of each part. */
  parts: string;
  mtime_seconds: number | null;
  parked_ms: number;
}

/** Every table. */
export interface Schema {
  sealed_object: SealedObjectTable;
  barred_key: BarredKeyTable;
  parked_upload: ParkedUploadTable;
  mirror_prefix: MirrorPrefixTable;
  mirror_entry: MirrorEntryTable;
  rotation_job: RotationJobTable;
  rotation_problem: RotationProblemTable;
}
