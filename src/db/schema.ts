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
  crc32: number | null;
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
}

export type SealedObjectRow = Selectable<SealedObjectTable>;
export type NewSealedObject = Insertable<SealedObjectTable>;

/** Every table. */
export interface Schema {
  sealed_object: SealedObjectTable;
}
