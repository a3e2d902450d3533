import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { CannedAcl, WriteEncryption } from '../model/encryption.js';
import type { LedgerRow } from '../model/ledger.js';
import type { Admission, ObjectInfo, ObjectRef, WrittenObject } from '../model/object-store.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import type { FetchedObject, FetchRequest, FetchSink } from './read/fetch-object.js';

/** Where and how an object is to rest. */
export interface UploadTarget {
  readonly ref: ObjectRef;
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
  /** Goes into the ledger: the SFTP user, or the name of the job. */
  readonly actor: string;
  /** Known before the first byte: goes into the object's `mtime` metadata. */
  readonly mtimeSeconds: number | null;
}

export interface UploadOptions {
  /** Whether it may be parked when it is broken off. */
  readonly resumable?: boolean;
  /** Goes on behind the bytes that this one has, which nobody else resumes. */
  readonly resume?: ParkedUpload | null;
  /** Begins with the content of the object that is at the target. */
  readonly extend?: Extension | null;
}

/** The object that an upload makes longer, as it was found. */
export interface Extension {
  /** Those that may open it, the likeliest first. */
  readonly keys: readonly CustomerKey[];
  readonly etag: string;
}

/** What is copied. */
export interface CopySource {
  readonly ref: ObjectRef;
  /** Those that may open it, the likeliest first. */
  readonly keys: readonly CustomerKey[];
  /** Its ETag: another object there throws `conflict`. */
  readonly ifMatch?: string;
  /** Its size, as far as it is known: a listing tells. */
  readonly size?: number;
  /** An older version. */
  readonly versionId?: string;
}

/** Where a copy goes. Its file time is the source's when `mtimeSeconds` is null; its tags are always the source's. */
export interface CopyTarget extends UploadTarget {
  /** Throws `exists` when there is an object already. */
  readonly onlyIfAbsent?: boolean;
  /** Throws `conflict` when the object there is not the one of this ETag any more, or gone. */
  readonly onlyIfMatches?: string;
  /** See `CopyOptions.admission`. */
  readonly admission?: Admission;
  /** Instead of the source's own metadata and content type. */
  readonly described?: {
    readonly metadata: Readonly<Record<string, string>>;
    readonly contentType: string | null;
  };
}

/**
 * One upload: bytes in, an object out at `commit`, nothing at all otherwise. Small uploads become one PutObject,
 * larger ones a multipart upload whose parts leave while bytes come in. Disposed before `commit` resolved, the
 * multipart upload is aborted and the ledger's row abandoned.
 */
export interface UploadWriter extends AsyncDisposable {
  /** The end of the furthest byte received. */
  readonly size: number;
  /**
   * Takes bytes at an offset, in any order. Resolves when they are taken and the chunks may be reused; waits while the
   * process' upload memory is used up. Rewriting bytes that have left for S3 throws `unsupported`. The first fault sticks:
   * every later call and `commit` throws it.
   */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes the size this (zeros fill what is behind the end). Cutting what has left for S3 throws `unsupported`. */
  truncate(size: number): Promise<void>;
  /** The file's time, before commit. In the metadata when the upload has not begun at S3, in the ledger always. */
  setMtime(mtimeSeconds: number): void;
  /** Resolves when the object is in S3, whole, verified and confirmed in the ledger. Bytes that never came throw `invalid`, naming the gap. */
  commit(call: Call): Promise<WrittenObject>;
  /** The upload ends with this call's signal from now on, and not with that of its opening any more: another session goes on. */
  adopt(call: Call): void;
  /**
   * Breaks a resumable upload off: takes no more bytes, sends to S3 what makes whole parts, and leaves it there. Null when there is
   * nothing to keep, or what is there cannot be trusted; then, and when it throws, the writer has to be disposed.
   */
  park(): Promise<ParkedUpload | null>;
}

/** One object being read, pinned to the version that was opened (If-Match): another content throws `conflict`. */
export interface ObjectReader extends AsyncDisposable {
  readonly info: ObjectInfo;
  /** The time that the ledger or the metadata keeps, else S3's own, in seconds. */
  readonly mtimeSeconds: number;
  /** As ReadHandle.read: sequential reads are served from ranges fetched ahead side by side. */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
}

/** An object as a person sees it. */
export interface ObjectDescription {
  readonly info: ObjectInfo;
  readonly mtimeSeconds: number;
}

export interface SettleRequest {
  /** The keys to open with what this actor of a row wrote. */
  keysOf(actor: string): Promise<readonly CustomerKey[]>;
  /** True for a row of another process that still works on it: it is left alone. By default there is none. */
  isUnderWay?(row: LedgerRow): Promise<boolean>;
}

/** What a restart did with the rows that the last run left behind. */
export interface SettleReport {
  readonly confirmed: number;
  readonly abandoned: number;
  readonly abortedUploads: number;
  /** Rows that could not be settled now, with the reason; they stay pending. */
  readonly problems: readonly string[];
}

/**
 * The only room where bytes and keys meet. It always says the target's encryption, writes the ledger's row before the
 * first byte leaves, and never lets a copy or a move rest under less than was asked. `keys` are those that may open an
 * object, the likeliest first; the ledger's fingerprint picks among them, and only when it knows nothing are they tried.
 */
export interface Vault {
  /**
   * Asks nothing of S3 yet; the row is being written meanwhile. `call.signal` ends the upload until `commit` is called: it
   * lives as long as the client's session, not as the request. Throws `unsupported` when the upload to resume rests under another
   * encryption than is wanted now, or has other checksums: it stays parked; and for an object that is too large to be extended, or whose
   * checksum nobody knows. `conflict` when that is another one by now.
   */
  openUpload(call: Call, target: UploadTarget, options?: UploadOptions): Promise<UploadWriter>;
  /** Takes a parked upload away from S3. Absence is no fault. */
  giveUp(call: Call, upload: ParkedUpload): Promise<void>;
  /** Of the latest version, if none is named. Null when there is no such object or version. */
  describe(
    call: Call,
    ref: ObjectRef,
    keys: readonly CustomerKey[],
    versionId?: string,
  ): Promise<ObjectDescription | null>;
  /** Null when there is no such object. `key-missing` or `key-mismatch` when none of the keys opens it. */
  openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null>;
  /**
   * Copies on the server side, any size, under the target's encryption, which may be the source's own place: then the object
   * has another key afterwards. What HEAD says of the target, once it is verified and confirmed in the ledger; null when the
   * source is gone. A target that rests under less than was asked is removed again and throws `corrupt`. Where nothing is said
   * of the target's state, what is there is replaced.
   */
  copy(call: Call, from: CopySource, to: CopyTarget): Promise<ObjectInfo | null>;
  /**
   * Copies as `copy` does, then removes the source, unless it became another object meanwhile: that throws `conflict`, and both
   * stay. False when the source is gone.
   */
  move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: CopyTarget): Promise<boolean>;
  /**
   * With an `ifMatch` (an ETag) only the object that has it: `conflict` when there is another. Absence is no fault. Where S3 cannot
   * compare, a listing is compared just before.
   */
  remove(call: Call, ref: ObjectRef, actor: string, ifMatch?: string): Promise<void>;
  /** Finishes or undoes what a crash left: called once at start, before uploads are taken. */
  settlePending(call: Call, request: SettleRequest): Promise<SettleReport>;
}

/** Whole objects for whom keeps them: apart from `Vault`, because no user's request needs it. */
export interface ObjectFetcher {
  /**
   * Brings all bytes of one version of an object to the sink. Null when there is no such object. Faults: `conflict` (it became
   * another one meanwhile), `corrupt` (not the bytes that S3 keeps the checksum of), `key-missing`, `key-mismatch`, those of the
   * store and what the sink throws.
   */
  fetch(call: Call, request: FetchRequest, sink: FetchSink): Promise<FetchedObject | null>;
}
