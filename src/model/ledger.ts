import type { Checksum } from './checksum.js';
import type { KeyFingerprint } from './customer-key.js';
import type { ObjectRef } from './object-store.js';

declare const intentBrand: unique symbol;
/** The name of one row of the ledger. */
export type IntentId = string & { readonly [intentBrand]: true };

/** The encryption of an object as a row records it, without the key itself. */
export type SealedWith =
  | { readonly kind: 'sse-c'; readonly fingerprint: KeyFingerprint; readonly keyMd5Base64: string }
  | { readonly kind: 'sse-s3' }
  | { readonly kind: 'sse-kms'; readonly keyArn: string }
  | { readonly kind: 'bucket-default' };

export interface Intent {
  readonly ref: ObjectRef;
  readonly sealedWith: SealedWith;
  /** The SFTP user, or the name of the job. */
  readonly actor: string;
  readonly requestId: string;
}

export interface Confirmation {
  readonly size: number;
  /** Checksum of all bytes; null if it is unknown because S3 stores none and the object was not read. */
  readonly checksum: Checksum | null;
  readonly etag: string;
  readonly versionId: string | null;
  /** The file's own time in seconds since the epoch, if the client set one. */
  readonly mtimeSeconds: number | null;
}

export type RowState = 'intended' | 'confirmed' | 'abandoned' | 'removed';

export interface LedgerRow extends Intent {
  readonly id: IntentId;
  readonly state: RowState;
  /** The multipart upload of an intended row, once it has one. */
  readonly uploadId: string | null;
  readonly confirmation: Confirmation | null;
  readonly intendedMs: number;
  readonly settledMs: number | null;
}

declare const removalBrand: unique symbol;
/** The name of one begun removal. */
export type RemovalId = string & { readonly [removalBrand]: true };

/** The removal of an object or of one version. */
export interface Removal {
  readonly ref: ObjectRef;
  readonly actor: string;
  /** Null for the current object. */
  readonly versionId: string | null;
}

export interface PendingRemoval extends Removal {
  readonly id: RemovalId;
}

/** A write that the ledger knows, before its first byte is sent. */
export interface BegunWrite {
  readonly id: IntentId;
  /**
   * True if the ledger has no other row of the object that is confirmed or unfinished. After a crash, an object that
   * opens with the key of this row is then that of this write.
   */
  readonly isFirst: boolean;
}

/**
 * Records which key encrypted which object version. Every write is durable when it resolves: it
 * survives kill -9 and power loss. `intend` comes before the first byte is sent, `confirm` after S3
 * has confirmed the object.
 */
export interface KeyLedger {
  /**
   * Records the intent to write. Throws `conflict` for a key that was proven unused
   * (`KeyUsage.proveUnused`), because it may be destroyed at any moment.
   */
  intend(intent: Intent): Promise<IntentId>;
  /** Does the same, and reports whether the row is the only one of its object. */
  begin(intent: Intent): Promise<BegunWrite>;
  /** Records the multipart upload of an intended row, before its first part is sent. */
  attachUpload(id: IntentId, uploadId: string): Promise<void>;
  /** Throws `bug` if the row is not `intended`. */
  confirm(id: IntentId, confirmation: Confirmation): Promise<void>;
  /**
   * Does the same, but is durable only when `saved` resolves. Resolves when all later calls see the confirmation. Use
   * it only if the next start could confirm the row as well, because after a crash it may still be `intended`.
   */
  confirmSoon(id: IntentId, confirmation: Confirmation): Promise<{ readonly saved: Promise<void> }>;
  /**
   * Records that the write did not happen. The row stays as a trace and does not name a key for the
   * object any more.
   */
  abandon(id: IntentId): Promise<void>;
  /** Records a removal before the request is sent. */
  beginRemoval(removal: Removal): Promise<RemovalId>;
  /**
   * Records the result of a removal. If the object is gone, its confirmed rows become `removed`, except those of writes
   * that were intended after the begin. Does nothing for a removal that has ended.
   */
  endRemoval(id: RemovalId, isGone: boolean): Promise<void>;
  /** Returns the removals without a result that were begun before the time. */
  pendingRemovals(olderThanMs: number): Promise<readonly PendingRemoval[]>;
  /**
   * Returns the rows that may describe the current object, the likeliest first: the newest
   * confirmed one, and every intended one (a crash between write and confirm leaves two possible
   * keys). Empty if the ledger has none.
   */
  candidates(ref: ObjectRef): Promise<readonly LedgerRow[]>;
  /**
   * Returns intended rows older than the time whose uploads are not parked, oldest first. A restart
   * has to settle them.
   */
  pending(olderThanMs: number): Promise<readonly LedgerRow[]>;
  /**
   * Records a change of the file's time after the upload. Returns false, and records nothing,
   * unless a row that may describe the current object has this ETag.
   */
  recordMtime(ref: ObjectRef, etag: string, mtimeSeconds: number): Promise<boolean>;
}

/** Keys from `first` to `last`, both inclusive, in S3's order: by their UTF-8 bytes. */
export interface KeyRange {
  readonly first: string;
  readonly last: string;
}

/** Answers directory listings without one request per name. */
export interface LedgerDirectory {
  /**
   * Returns the newest confirmed row of each key directly below the prefix (no further `/`), by
   * key. `within` restricts the result to one page of a listing, so that memory does not grow with
   * the directory.
   */
  confirmedBelow(
    bucket: string,
    prefix: string,
    within?: KeyRange,
  ): Promise<ReadonlyMap<string, Confirmation>>;
}

/** An object that another client wrote, as it was when it was read completely. */
export interface Observation {
  readonly ref: ObjectRef;
  readonly sealedWith: Extract<SealedWith, { kind: 'sse-c' }>;
  readonly size: number;
  readonly checksum: Checksum;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly versionId: string | null;
  /** Time at which the read began. Rows that were written later are newer. */
  readonly readMs: number;
}

/** Records which key opens objects that another client wrote, many at a time. */
export interface ObservedObjects {
  /**
   * Records observations; durable when it resolves. Skips an object whose row is the same, or newer
   * than the read.
   */
  observe(observations: readonly Observation[], actor: string): Promise<void>;
  /** Records that these versions were removed from S3. Rows of other versions stay. */
  recordRemovals(
    versions: readonly { readonly ref: ObjectRef; readonly etag: string }[],
    actor: string,
  ): Promise<void>;
}

declare const unusedBrand: unique symbol;

/**
 * Proof that no known object version needs this key, and that the ledger accepts no new intent with
 * it. Only `KeyUsage.proveUnused` creates one.
 */
export interface UnusedKeyProof {
  readonly [unusedBrand]: true;
  readonly keyId: KeyFingerprint;
  readonly provenMs: number;
}

/** One object version, or an unfinished write, that needs a key. */
export interface KeyNeed {
  /** The row that records it. */
  readonly id: IntentId;
  readonly ref: ObjectRef;
  /** Null for the current version in a bucket without versioning, and for an unfinished write. */
  readonly versionId: string | null;
  readonly state: 'intended' | 'current' | 'older-version';
  readonly size: number | null;
}

/**
 * The use of each key, by the ledger. With versioning, an overwritten or removed object still needs
 * its key until that version is known to be removed (`LedgerVersions.markRemoved`).
 */
export interface KeyUsage {
  /**
   * Returns the objects encrypted with the key (current ones, and older versions in the ledger), in
   * the order of bucket and key: at most `limit` after `after`. Throws `invalid` if the ledger has no such row.
   */
  needs(
    keyId: KeyFingerprint,
    after: Pick<KeyNeed, 'id' | 'ref'> | null,
    limit: number,
  ): Promise<readonly KeyNeed[]>;
  /** Returns the number of versions and their bytes by key, without keys that have no object. */
  totals(): Promise<ReadonlyMap<KeyFingerprint, { readonly objects: number; readonly bytes: number }>>;
  /**
   * Returns the proof, or the first hundred needs that contradict it. With the proof, the same
   * transaction bars the key: from then on `intend` with it throws `conflict`. The caller must
   * first make sure that the ledger knows every version (`ledger verify`).
   */
  proveUnused(keyId: KeyFingerprint): Promise<UnusedKeyProof | readonly KeyNeed[]>;
}

/** A row whose version may exist in S3: neither abandoned nor known to be removed. */
export interface LiveRow extends LedgerRow {
  /** True if it is the newest of its object in the ledger. */
  readonly isCurrent: boolean;
}

/** An object version as it was found in the bucket and opened. */
export interface FoundVersion {
  readonly ref: ObjectRef;
  readonly versionId: string | null;
  readonly isLatest: boolean;
  readonly sealedWith: SealedWith;
  readonly size: number;
  readonly checksum: Checksum | null;
  readonly etag: string;
  readonly mtimeSeconds: number | null;
  readonly lastModifiedMs: number;
  /** Time at which its listing was requested. Rows that were written later are newer. */
  readonly listedMs: number;
}

/** Compares the ledger with a bucket, and corrects the ledger. */
export interface LedgerVersions {
  /** Returns every bucket in the ledger, in order. */
  buckets(): Promise<readonly string[]>;
  /**
   * Returns the live rows of the next keys after `afterKey` (null: from the first), by key in
   * listing order, the newest of a key first. Returns about `limit` rows, always all rows of a key,
   * and none after the last.
   */
  liveRows(bucket: string, afterKey: string | null, limit: number): Promise<readonly LiveRow[]>;
  /** Returns the live rows of one object, the newest first. */
  liveRowsOf(ref: ObjectRef): Promise<readonly LiveRow[]>;
  /** Returns the number of confirmed versions of the bucket in the ledger. */
  countLive(bucket: string): Promise<number>;
  /**
   * Writes rows for versions that are not in the ledger, or are there with another key. Skips rows
   * that exist or that were written since the listing. `found` has the newest version of an object
   * first, as a listing has. Returns the versions that were written, when they are durable.
   */
  restore(found: readonly FoundVersion[], actor: string): Promise<readonly FoundVersion[]>;
  /** Records that the versions of these rows are not in S3 any more. Durable when it resolves. */
  markRemoved(ids: readonly IntentId[], actor: string): Promise<void>;
}

/** Rows of many objects in one query, for listings of whole trees. */
export interface LedgerRows {
  /**
   * Returns the newest confirmed row of each of these keys, without keys that are not in the
   * ledger. At most 1,000 keys.
   */
  currentOf(bucket: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerRow>>;
  /**
   * Returns every row of these keys that names a version, older and removed ones included. At most
   * 1,000 keys.
   */
  versionsOf(bucket: string, keys: readonly string[]): Promise<readonly LedgerRow[]>;
}
