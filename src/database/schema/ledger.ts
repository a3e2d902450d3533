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
  /** The node that writes or has parked the object, and its epoch, if several use the database. */
  node: string | null;
  node_epoch: number | null;
}

/** A row of the ledger as it is read. */
export type SealedObjectRow = Selectable<SealedObjectTable>;
/** A row of the ledger as it is inserted. */
export type NewSealedObject = Insertable<SealedObjectTable>;

/** A key that was proven unused. It cannot encrypt new objects. */
export interface BarredKeyTable {
  key_fingerprint: string;
  barred_ms: number;
}

/** A multipart upload that waits for its client. Its row is `intended`. */
export interface ParkedUploadTable {
  row_id: string;
  /** JSON with S3's receipt for each part. */
  parts: string;
  mtime_seconds: number | null;
  parked_ms: number;
  /** The key that clients see, if it is not the object's. */
  shown_key: string | null;
  /** 1 if all bytes are in S3. */
  is_complete: number;
}

/** The removal of an object, or of one version, that was begun and whose result is not recorded yet. */
export interface PendingRemovalTable {
  id: string;
  bucket: string;
  object_key: string;
  /** Null for the current object. */
  version_id: string | null;
  actor: string;
  begun_ms: number;
  /** Highest `seq` of `sealed_object` at the begin. The removal does not concern later writes. */
  last_seq: number;
}
