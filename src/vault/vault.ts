import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { CannedAcl, WriteEncryption } from '../model/encryption.js';
import type { Fault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo, ObjectRef, WrittenObject } from '../model/object-store.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import type { FetchedObject, FetchRequest, FetchSink } from './read/fetch-object.js';

/** The location, encryption and ACL of an object to write. */
export interface UploadTarget {
  readonly ref: ObjectRef;
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
  /** The SFTP user or the name of the job. Recorded in the ledger. */
  readonly actor: string;
  /**
   * File time in seconds since the epoch, if it is known before the first byte. Stored in the object's
   * `mtime` metadata.
   */
  readonly mtimeSeconds: number | null;
  /** The key that clients see until the object gets its own name, see `ParkedUpload.shownKey`. */
  readonly shownKey?: string;
}

/** How an upload begins, and whether it can be parked. */
export interface UploadOptions {
  /** Whether the upload may be parked when it is interrupted. */
  readonly resumable?: boolean;
  /** The parked upload to resume. The caller makes sure that only one writer resumes it. */
  readonly resume?: ParkedUpload | null;
  /** The object at the target whose content the upload begins with. */
  readonly extend?: Extension | null;
}

/** The object that an upload extends, as it was found. */
export interface Extension {
  /** Keys that may open it, the likeliest first. */
  readonly keys: readonly CustomerKey[];
  readonly etag: string;
}

/** The object that an edit changes, as it was found. */
export interface EditBase {
  /** Returns the keys that may open it, the likeliest first. */
  keys(call: Call): Promise<readonly CustomerKey[]>;
  readonly etag: string;
  readonly size: number;
  /** Returns the fault to throw when another client has replaced or removed the object. */
  replaced(): Fault;
}

/** How an edit begins. */
export interface EditOptions {
  /** The object at the target. Null for a file that begins empty. */
  readonly base: EditBase | null;
  /** Whether `read` may be called. */
  readonly readable: boolean;
  /** Whether every write goes to the end of the file, whatever its offset. */
  readonly append?: boolean;
  /** Whether a file that begins empty may be parked when it is interrupted. */
  readonly resumable?: boolean;
}

/** The source of a copy. */
export interface CopySource {
  readonly ref: ObjectRef;
  /** Keys that may open it, the likeliest first. */
  readonly keys: readonly CustomerKey[];
  /** ETag of the expected object. `copy` throws `conflict` if another object is there. */
  readonly ifMatch?: string;
  /** Size in bytes, if the caller knows it, for example from a listing. */
  readonly size?: number;
  /** The version to copy; by default the latest. */
  readonly versionId?: string;
}

/** Runs a copy when there is room for it. */
export type CopyLimit = <T>(copy: () => Promise<T>) => Promise<T>;

/**
 * The target of a copy. If `mtimeSeconds` is null, the file time of the source is kept. The tags of the
 * source are always kept.
 */
export interface CopyTarget extends UploadTarget {
  /** Throws `exists` if there is an object already. */
  readonly onlyIfAbsent?: boolean;
  /** ETag of the object to replace. Throws `conflict` if another object is there, or none. */
  readonly onlyIfMatches?: string;
  /** Metadata and content type that replace those of the source. */
  readonly described?: {
    readonly metadata: Readonly<Record<string, string>>;
    readonly contentType: string | null;
  };
}

/**
 * One upload: it receives bytes and creates an object at `commit`. A small upload becomes one PutObject. A
 * larger one becomes a multipart upload whose parts are sent while bytes are received. Disposing the writer
 * aborts the multipart upload and marks the ledger row as abandoned, unless `commit` resolved or `park`
 * returned a parked upload.
 */
export interface UploadWriter extends AsyncDisposable {
  /** The offset behind the furthest byte received. */
  readonly size: number;
  /**
   * Writes bytes at an offset, in any order. Resolves once the caller may reuse the chunks, and waits while
   * the upload memory of the process is full. Throws `unsupported` if the bytes at this offset were already
   * sent to S3. After the first fault, every later call and `commit` throw that fault.
   */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * Sets the size in bytes; a larger file is filled with zeros. Throws `unsupported` if bytes that were
   * already sent to S3 would be cut.
   */
  truncate(size: number): Promise<void>;
  /**
   * Sets the file time, in seconds since the epoch. Call it before `commit`. The ledger always records the
   * time; the metadata contains it only if the upload has not begun at S3 yet.
   */
  setMtime(mtimeSeconds: number): void;
  /**
   * Completes the upload. Resolves when the whole object is in S3, verified and confirmed in the ledger.
   * Bytes that were never received are zeros. Throws `too-large` if they are too many.
   */
  commit(call: Call): Promise<WrittenObject>;
  /**
   * Hands the upload over to another session. From now on it ends with the signal of `call`, no longer with
   * that of its opening.
   */
  adopt(call: Call): void;
  /**
   * Parks a resumable upload: accepts no more bytes, sends the remaining whole parts to S3 and keeps them
   * there. Returns null if there is nothing to keep or the parts cannot be trusted. After null or a fault the
   * caller must dispose the writer.
   */
  park(): Promise<ParkedUpload | null>;
}

/**
 * A file whose bytes can be read and changed anywhere, in any order. Bytes that are not written are those of
 * the object, or zeros. The changes are in memory and in an encrypted scratch file until `commit`. Then S3
 * copies the ranges that are unchanged, the gateway sends the others, and the object is replaced unless
 * another client has replaced it. If this process has stored another content for the same actor meanwhile, the
 * changes apply to that content.
 *
 * A long sequence of writes is sent while it is received, if it begins at 0 or continues the object, and if
 * neither the object nor the file may be read. From then on, `write` and `truncate` throw `unsupported` for
 * bytes that were sent, and `read` throws it for all.
 */
export interface ObjectEditor extends UploadWriter {
  /** Returns up to `length` bytes from `offset` with all changes, or null at or past the end. */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
  /** ETag of the object that the changes apply to. Null for a file that begins empty. */
  readonly baseEtag: string | null;
  /** True if `commit` would store the content that the object has. */
  readonly isUnchanged: boolean;
  /**
   * Applies the changes to the content that this process has stored for the same actor meanwhile, if it has.
   * Throws the faults of a query of the object.
   */
  follow(call: Call): Promise<void>;
}

/** A writer of a new file, which can be stored without its object. */
export interface FileWriter extends UploadWriter {
  /**
   * Sends everything to S3 without creating the object, and returns the complete upload, which is parked.
   * Resolves when this is durable. Faults: as `commit`.
   */
  hold(): Promise<ParkedUpload>;
}

/**
 * Reads one object, pinned to the content that was opened (If-Match). Throws `conflict` if the content has
 * changed.
 */
export interface ObjectReader extends AsyncDisposable {
  readonly info: ObjectInfo;
  /** File time in seconds since the epoch, from the ledger or the metadata, else from S3. */
  readonly mtimeSeconds: number;
  /**
   * Reads like `ReadHandle.read`. Sequential reads are served from ranges that are fetched ahead in parallel.
   */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
}

/** An object's properties with its file time in seconds since the epoch. */
export interface ObjectDescription {
  readonly info: ObjectInfo;
  readonly mtimeSeconds: number;
}

/** Callbacks that `settlePending` needs for the rows that it finds. */
export interface SettleRequest {
  /** Returns the keys that may open the objects of this actor. */
  keysOf(actor: string): Promise<readonly CustomerKey[]>;
  /**
   * Returns true for a row that another process is still working on; such rows stay unchanged. By default
   * there are none.
   */
  isUnderWay?(row: LedgerRow): Promise<boolean>;
  /**
   * The rows to settle, if other nodes write to the same ledger: this one has claimed them, and the nodes that made
   * them can no longer write. Without it, all rows from before the start.
   */
  readonly claimed?: readonly LedgerRow[];
}

/** Counts of the rows that the last run left behind, by what the restart did with them. */
export interface SettleReport {
  readonly confirmed: number;
  readonly abandoned: number;
  readonly abortedUploads: number;
  /** One line per row that could not be settled, with the reason. These rows stay pending. */
  readonly problems: readonly string[];
}

/**
 * Reads and writes objects with their encryption keys. Every write sends the target's encryption to S3, and
 * its ledger row is durable before the first byte is sent. A copy or a move never leaves a target with weaker
 * encryption than requested. `keys` are those that may open an object, the likeliest first. The keys that the
 * ledger names are tried first, then no key, then the others.
 */
export interface Vault {
  /**
   * Opens an upload. Sends no request to S3 yet, unless it extends an object; the ledger row is written in
   * the background. Until `commit` is called, `call.signal` ends the upload, so it must live as long as the
   * client's session. Throws `unsupported` if the upload to resume has other encryption or checksums (it
   * stays parked), and if the object to extend is too large or has no known checksum. Throws `conflict` if
   * the object to extend was replaced.
   */
  openUpload(call: Call, target: UploadTarget, options?: UploadOptions): Promise<FileWriter>;
  /** Opens a file for changes in any part of it. Sends no request to S3 and records nothing before `commit`. */
  openEdit(call: Call, target: UploadTarget, options: EditOptions): ObjectEditor;
  /**
   * Creates the object of a complete upload. Resolves when it is verified and confirmed in the ledger. After a
   * fault the upload is still parked. Throws `unsupported` if the encryption or the checksums have changed.
   */
  completeParked(call: Call, upload: ParkedUpload, target: UploadTarget): Promise<void>;
  /** Aborts a parked upload at S3. Does nothing if it does not exist. */
  abortParked(call: Call, upload: ParkedUpload): Promise<void>;
  /**
   * Describes one version of an object, by default the latest. Returns null if there is no such object or
   * version.
   */
  describe(
    call: Call,
    ref: ObjectRef,
    keys: readonly CustomerKey[],
    versionId?: string,
  ): Promise<ObjectDescription | null>;
  /**
   * Opens an object for reading. Returns null if there is no such object. Throws `key-missing` or
   * `key-mismatch` if none of the keys opens it.
   */
  openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null>;
  /**
   * Copies an object of any size within S3, with the target's encryption. The target may be the source
   * itself, which then gets another key. Replaces an existing object unless `to` has a condition. Returns the
   * target's properties once it is verified and confirmed in the ledger, or null if there is no source. If
   * the target has weaker encryption than requested, removes it and throws `corrupt`. `limit` runs the copy at
   * S3, but neither the ledger's steps nor the checks around it.
   */
  copy(call: Call, from: CopySource, to: CopyTarget, limit?: CopyLimit): Promise<ObjectInfo | null>;
  /**
   * Copies like `copy`, then removes the source. Returns false if there is no source. Throws `conflict` if
   * the source was replaced meanwhile; then both objects stay.
   */
  move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: CopyTarget): Promise<boolean>;
  /**
   * Removes an object. Does nothing if there is none. With `ifMatch` (an ETag), throws `conflict` if another
   * object is there. If S3 cannot compare ETags, the vault checks a listing right before the removal.
   */
  remove(call: Call, ref: ObjectRef, actor: string, ifMatch?: string): Promise<void>;
  /**
   * Finishes or undoes the writes that a crash left pending. Called once at start, before uploads are
   * accepted.
   */
  settlePending(call: Call, request: SettleRequest): Promise<SettleReport>;
}

/** Fetches whole objects. Separate from `Vault`, because users' requests do not need it. */
export interface ObjectFetcher {
  /**
   * Fetches all bytes of one version of an object into the sink. Returns null if there is no such object.
   * Throws `conflict` (the object was replaced meanwhile), `corrupt` (the bytes do not match S3's checksum),
   * `key-missing`, `key-mismatch`, the faults of the store and those of the sink.
   */
  fetch(call: Call, request: FetchRequest, sink: FetchSink): Promise<FetchedObject | null>;
}
