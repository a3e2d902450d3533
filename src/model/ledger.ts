import type { Checksum } from './checksum.js';
import type { KeyFingerprint } from './customer-key.js';
import type { ObjectRef } from './object-store.js';

declare const intentBrand: unique symbol;
/** Names one row of the ledger. */
export type IntentId = string & { readonly [intentBrand]: true };

/** The encryption of a row: what sealed the object, without the key itself. */
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
  /** Of all bytes; null when nobody knows it: S3 keeps none, and the object was not read to compute it. */
  readonly checksum: Checksum | null;
  readonly etag: string;
  readonly versionId: string | null;
  /** The file's own time in seconds since the epoch, when the client set one. */
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

/**
 * Which key sealed which object version. Every method that writes is durable when it resolves (it survives
 * kill -9 and power loss). `intend` comes before the first byte leaves, `confirm` after S3 said yes.
 */
export interface KeyLedger {
  /** Throws `conflict` for a key that was proven unused (`KeyUsage.proveUnused`): it may be gone any moment. */
  intend(intent: Intent): Promise<IntentId>;
  /** Notes the multipart upload of an intended row, before its first part leaves. */
  attachUpload(id: IntentId, uploadId: string): Promise<void>;
  /** Throws `bug` when the row is not `intended`. */
  confirm(id: IntentId, confirmation: Confirmation): Promise<void>;
  /** The write did not happen. The row stays as a trace; it names no key for the object any more. */
  abandon(id: IntentId): Promise<void>;
  /** The object was removed (by us): its confirmed rows become `removed`. */
  recordRemoval(ref: ObjectRef, actor: string): Promise<void>;
  /**
   * The rows that may describe the object as it is now, the likeliest first: the newest confirmed one, and every
   * intended one (a crash between write and confirm leaves two possible keys). Empty when the ledger knows nothing.
   */
  candidates(ref: ObjectRef): Promise<readonly LedgerRow[]>;
  /** Intended rows older than the time whose uploads are not parked, oldest first: what a restart has to settle. */
  pending(olderThanMs: number): Promise<readonly LedgerRow[]>;
  /** The file's time changed after the upload. */
  recordMtime(ref: ObjectRef, mtimeSeconds: number): Promise<void>;
}

/** Keys from `first` to `last`, both inclusive, in the order S3 lists them: by their bytes of UTF-8. */
export interface KeyRange {
  readonly first: string;
  readonly last: string;
}

/** Answers what a listing needs without a request per name. */
export interface LedgerDirectory {
  /**
   * The newest confirmed row of each key directly below the prefix (no further `/`), by key. `within` bounds the answer to
   * one page of a listing, so that a directory of any size costs the memory of a page.
   */
  confirmedBelow(
    bucket: string,
    prefix: string,
    within?: KeyRange,
  ): Promise<ReadonlyMap<string, Confirmation>>;
}

/** An object that somebody else wrote, as it was found when it was read whole. */
export interface Observation {
  readonly ref: ObjectRef;
  readonly sealedWith: Extract<SealedWith, { kind: 'sse-c' }>;
  readonly size: number;
  readonly checksum: Checksum;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly versionId: string | null;
  /** When the read began: what the ledger learned later is newer. */
  readonly readMs: number;
}

/** Which key opens objects that this gateway did not write, many at a time. */
export interface ObservedObjects {
  /** Durable when it resolves. An object whose row is this one already, or newer than the read, is left. */
  observe(observations: readonly Observation[], actor: string): Promise<void>;
  /** These versions are gone from S3. Rows of other versions are left. */
  recordRemovals(
    versions: readonly { readonly ref: ObjectRef; readonly etag: string }[],
    actor: string,
  ): Promise<void>;
}

declare const unusedBrand: unique symbol;

/**
 * Says that no object version that anybody knows of needs this key, and that the ledger takes no new intent under it any more.
 * Only `KeyUsage.proveUnused` makes one.
 */
export interface UnusedKeyProof {
  readonly [unusedBrand]: true;
  readonly keyId: KeyFingerprint;
  readonly provenMs: number;
}

/** One object version, or an unfinished write, that needs a key. */
export interface KeyNeed {
  /** The row that says so. */
  readonly id: IntentId;
  readonly ref: ObjectRef;
  /** Null for the current version of a bucket without versioning, and for a write under way. */
  readonly versionId: string | null;
  readonly state: 'intended' | 'current' | 'older-version';
  readonly size: number | null;
}

/**
 * What each key holds, as the ledger knows it. With versioning, an object that was overwritten or removed goes on needing its key, until
 * that version is known to be gone (`LedgerVersions.markRemoved`).
 */
export interface KeyUsage {
  /** Objects that rest under the key (current ones, and older versions the ledger knows), in the order of bucket and key; at most `limit` behind `after`. */
  needs(keyId: KeyFingerprint, after: KeyNeed | null, limit: number): Promise<readonly KeyNeed[]>;
  /** Counts (of versions) and bytes by key; keys without an object are left out. */
  totals(): Promise<ReadonlyMap<KeyFingerprint, { readonly objects: number; readonly bytes: number }>>;
  /**
   * The proof, or the needs that speak against it (the first hundred). With the proof the key is barred in the same transaction: `intend`
   * under it throws `conflict` from then on. The caller has made sure before that the ledger knows every version (`ledger verify`).
   */
  proveUnused(keyId: KeyFingerprint): Promise<UnusedKeyProof | readonly KeyNeed[]>;
}

/** A row of which S3 may hold the version: neither abandoned nor known to be gone. */
export interface LiveRow extends LedgerRow {
  /** Whether it is the newest of its object, as far as the ledger knows. */
  readonly isCurrent: boolean;
}

/** An object version as it was found in the bucket, and opened. */
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
  /** When the listing that shows it was asked for: what the ledger learned later is newer. */
  readonly listedMs: number;
}

/** The ledger beside what a bucket holds: to find out where they differ, and to make the ledger say what is true. */
export interface LedgerVersions {
  /** Every bucket that a row names, in order. */
  buckets(): Promise<readonly string[]>;
  /**
   * The live rows of the next keys behind `afterKey` (null: from the first), by key in the order of a listing, the newest of a key first.
   * About `limit` rows, and always all of a key. Empty behind the last.
   */
  liveRows(bucket: string, afterKey: string | null, limit: number): Promise<readonly LiveRow[]>;
  /** The live rows of one object, the newest first. */
  liveRowsOf(ref: ObjectRef): Promise<readonly LiveRow[]>;
  /** How many confirmed versions the bucket has by the ledger. */
  countLive(bucket: string): Promise<number>;
  /**
   * Writes rows for versions that the ledger does not know, or knows under another key. What it knows already, or has learned since the
   * listing, stays as it is. The newest of an object comes first, as in a listing. Durable when it resolves with those that were written.
   */
  restore(found: readonly FoundVersion[], actor: string): Promise<readonly FoundVersion[]>;
  /** The versions of these rows are not in S3 any more. Durable when it resolves. */
  markRemoved(ids: readonly IntentId[], actor: string): Promise<void>;
}

/** Rows of many objects with one question, for listings of whole trees. */
export interface LedgerRows {
  /** The newest confirmed row of each of these keys; keys that the ledger does not know are left out. At most 1,000 keys. */
  currentOf(bucket: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerRow>>;
  /** Every row of these keys that names a version, older and removed ones too. At most 1,000 keys. */
  versionsOf(bucket: string, keys: readonly string[]): Promise<readonly LedgerRow[]>;
}
