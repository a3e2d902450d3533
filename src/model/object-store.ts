import type { Call } from './call.js';
import type { Checksum, ChecksumAlgorithm } from './checksum.js';
import type { CannedAcl, ObjectEncryption, ReadAccess, WriteEncryption } from './encryption.js';

/**
 * The location of an object. `key` is the whole key as in S3: UTF-8, at most 1,024 bytes, without a
 * leading slash.
 */
export interface ObjectRef {
  readonly bucket: string;
  readonly key: string;
}

interface BodyFigures {
  readonly byteLength: number;
  /** Checksum of all bytes in order, with the store's own algorithm (`ObjectStore.checksumAlgorithm`). */
  readonly checksum: Checksum;
}

/** A body in memory. */
export interface MemoryBody extends BodyFigures {
  readonly chunks: readonly Uint8Array[];
}

/** A body that is too large for memory. */
export interface StreamedBody extends BodyFigures {
  /**
   * Returns all bytes from the start, at every call. A chunk belongs to its receiver, and the next
   * one is read on demand. The receiver may leave the loop early. Throws a Fault if the bytes
   * cannot be read.
   */
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * A body that can be sent more than once: its bytes stay valid and unchanged until the call that
 * received it settles.
 */
export type ReplayableBody = MemoryBody | StreamedBody;

export interface ObjectInfo {
  readonly size: number;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly versionId: string | null;
  readonly lastModifiedMs: number;
  readonly encryption: ObjectEncryption;
  /** User metadata, with lower-case names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  /** Number of tags. Absent if there are none, or if S3 does not report it. */
  readonly tagCount?: number;
  /**
   * Checksum of the whole object. Null if the server stores none, or one of an algorithm that the
   * gateway does not know.
   */
  readonly checksum: Checksum | null;
  /**
   * The full-object CRC-64/NVME as S3 writes it (base64). AWS stores it for objects that were
   * uploaded without a checksum.
   */
  readonly crc64Nvme?: string;
}

/** From the first byte to the byte before `end`. The server cuts an `end` past the object's size. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadCondition {
  /** Fails with `conflict` if the object has been replaced (412). */
  readonly ifMatch?: string;
  readonly versionId?: string;
}

export interface RemovalCondition {
  /** Fails with `conflict` if there is another object (412). */
  readonly ifMatch?: string;
  /** Removes this version instead of the latest. */
  readonly versionId?: string;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /**
   * The bytes of the range, once. Leaving the loop early closes the connection. Throws a Fault if
   * the body ends early.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface WriteOptions {
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  /** Further tags of the new object, besides the tag that names its key. None by default. */
  readonly tags?: ObjectTagSet;
  /** Fails with `exists` if there is an object already (If-None-Match: *). */
  readonly onlyIfAbsent?: boolean;
  /**
   * Fails with `conflict` if the object does not have this ETag any more, or was removed
   * (If-Match). Excludes `onlyIfAbsent`.
   */
  readonly onlyIfMatches?: string;
}

/**
 * S3's answer to a finished write. The store has already compared the echoed encryption with the
 * requested one.
 */
export interface WrittenObject {
  readonly etag: string;
  readonly versionId: string | null;
  readonly checksum: Checksum | null;
}

export interface PartReceipt {
  readonly partNumber: number;
  readonly etag: string;
  readonly size: number;
  readonly checksum: Checksum;
}

/** A part of an object to be completed. The checksum of a copied part is null if the server keeps none. */
export interface CompletedPart extends Omit<PartReceipt, 'checksum'> {
  readonly checksum: Checksum | null;
}

/** The expected size and checksum of a finished object. */
export interface WholeObject {
  readonly size: number;
  /** Null if it is unknown, because the server copied a part and keeps no checksum of it. */
  readonly checksum: Checksum | null;
}

/** A whole object, as it was found. */
export interface PartSource {
  readonly ref: ObjectRef;
  /** The key that reads it, if any. */
  readonly access: ReadAccess;
  readonly etag: string;
  readonly size: number;
  readonly checksum: Checksum;
}

/** A range of an object, as it was found. */
export interface PartRange extends Pick<PartSource, 'ref' | 'access' | 'etag'> {
  /** The version that was found, if there are any. */
  readonly versionId: string | null;
  readonly range: ByteRange;
}

/**
 * One multipart upload. It is visible only after `complete` has answered. Disposing it earlier
 * aborts it at S3 (best effort, never throws), unless `park` was called: then S3 keeps it for a
 * later resume.
 */
export interface PartUpload extends AsyncDisposable {
  readonly uploadId: string;
  /**
   * Sends one part; 1 <= partNumber <= 10,000. Parts may be sent in parallel and in any order.
   * Sending a number again replaces its part.
   */
  uploadPart(call: Call, partNumber: number, body: ReplayableBody): Promise<PartReceipt>;
  /**
   * Makes the server copy an object of up to 5 GiB as one part, and compares the checksum if the
   * server returns one. Returns null if the object does not exist; throws `conflict` if it has
   * changed.
   */
  copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null>;
  /**
   * Makes the server copy a range of up to 5 GiB as one part. Returns null if the object does not exist.
   * Throws `conflict` if it has changed, and `unsupported` if the server does not copy parts. A server that
   * ignores the condition copies from another object, so the caller checks the object afterwards.
   */
  copyRange(call: Call, partNumber: number, source: PartRange): Promise<CompletedPart | null>;
  /**
   * Completes the object from these parts, in order. `whole` is its expected size and checksum.
   * After an answer that leaves the outcome open (NoSuchUpload to a retry, a broken connection),
   * the store sends a HEAD before it reports a failure. Throws `corrupt` if S3's checksum or size
   * differs; the caller then removes the object.
   */
  complete(call: Call, parts: readonly CompletedPart[], whole: WholeObject): Promise<WrittenObject>;
  /** Makes S3 keep the upload when this object is disposed. */
  park(): void;
  /**
   * Aborts the upload at S3, with all its parts. An absent upload is not a fault. Throws if it may still
   * exist; disposing does not, and sends nothing after a successful abort.
   */
  abort(call: Call): Promise<void>;
}

export interface CopyOptions extends WriteOptions {
  /** The key that reads the source, if any. */
  readonly sourceAccess: ReadAccess;
  /** Fails with `conflict` if the source does not have this ETag any more. */
  readonly sourceEtag?: string;
  /** Size of the source, if the caller knows it from a listing. */
  readonly sourceSize?: number;
  /** Copies this older version. */
  readonly sourceVersionId?: string;
  /** `copy` takes the source's metadata and content type, and ignores those of the options. */
  readonly metadataFrom: 'copy' | 'options';
  /**
   * Tags of the source, if the caller knows them: the store reads them only if S3 reports another
   * number of tags. A copy has its source's tags, except that `keyTagName` names the target's own
   * key.
   */
  readonly sourceTags?: ObjectTagSet;
}

/** S3's answer to a copy, and the source at that time. */
export interface CopiedObject extends WrittenObject {
  readonly source: ObjectInfo;
  /**
   * True if the answer confirmed the key (if one was given), the checksum of the whole content, and
   * the version (if there are any). Otherwise the caller has to check them.
   */
  readonly isVerified?: boolean;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface ListRequest {
  readonly bucket: string;
  /** Empty for the whole bucket. */
  readonly prefix: string;
  /** `/` lists one level, with `prefixes`; null lists everything below. */
  readonly delimiter: '/' | null;
  readonly startAfter?: string;
  readonly continuation?: string;
  /** At most 1,000, which is the default. */
  readonly maxKeys?: number;
}

export interface ListPage {
  /** In the byte order of their UTF-8 keys. */
  readonly objects: readonly ListedObject[];
  /** Common prefixes; each ends with the delimiter. */
  readonly prefixes: readonly string[];
  /** Null on the last page. */
  readonly continuation: string | null;
}

/**
 * Objects in S3. Every call states the encryption. Methods return null for an object that does not
 * exist, and throw a Fault otherwise: `not-found` (no such bucket), `denied`, `key-missing` (the
 * object needs a key and the call has none), `key-mismatch` (another key, or a key for an object
 * without one), `sse-c-blocked`, `conflict` and `exists` (a condition), `throttled`, `unavailable`,
 * `timed-out`, `cancelled`, `corrupt` (a checksum or an echo differs). Transient faults have
 * already been retried.
 */
export interface ObjectStore {
  /** Algorithm of the checksums of bodies. Stored objects may have others. */
  readonly checksumAlgorithm: ChecksumAlgorithm;
  /** Returns null if there is no such object. */
  head(call: Call, ref: ObjectRef, access: ReadAccess, versionId?: string): Promise<ObjectInfo | null>;
  /** Returns null if there is no such object. Throws `invalid` for a range that starts at or past the end. */
  read(
    call: Call,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition?: ReadCondition,
  ): Promise<ObjectBody | null>;
  /** Sends one PutObject, of up to 5 GiB. */
  put(call: Call, ref: ObjectRef, body: ReplayableBody, options: WriteOptions): Promise<WrittenObject>;
  /**
   * Begins a multipart upload. If the call is cancelled meanwhile, waits for S3's answer and aborts the
   * upload, so that `cancelled` means that none is left.
   */
  beginUpload(call: Call, ref: ObjectRef, options: WriteOptions): Promise<PartUpload>;
  /**
   * Returns a parked upload, to be continued with the options that it began with. Does not contact
   * S3: if the upload does not exist any more, a later call fails.
   */
  resumeUpload(call: Call, ref: ObjectRef, options: WriteOptions, uploadId: string): PartUpload;
  /**
   * Copies an object of any size on the server. Returns null if the source does not exist. Never
   * succeeds with a target that has another encryption.
   */
  copy(call: Call, from: ObjectRef, to: ObjectRef, options: CopyOptions): Promise<CopiedObject | null>;
  /**
   * Removes the object (with versioning: adds a delete marker, or removes the given version).
   * Succeeds if there is none. A server without conditional removal throws `unsupported`, or
   * ignores the condition.
   */
  remove(call: Call, ref: ObjectRef, condition?: RemovalCondition): Promise<void>;
  list(call: Call, request: ListRequest): Promise<ListPage>;
}

/** How a request changes an object. */
export type ObjectChange = 'written' | 'removed';

/** Learns which objects this process changes. */
export interface ObjectChanges {
  /**
   * Called when a request that writes or removes an object has ended, whatever its result, and before its
   * caller learns the result.
   */
  changed(ref: ObjectRef, change: ObjectChange): void;
}

export interface PendingUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
}

/** Multipart uploads that no process holds any more. The clean-up at start needs this. */
export interface UploadSweeper {
  /** Returns every incomplete upload below the prefix. */
  listUploads(call: Call, bucket: string, prefix: string): Promise<readonly PendingUpload[]>;
  /** Succeeds if there is no such upload. */
  abortUpload(call: Call, ref: ObjectRef, uploadId: string): Promise<void>;
}

export type ObjectTagSet = Readonly<Record<string, string>>;

/** Tags can be read and written without the object's key (`s3:GetObjectTagging`, `s3:PutObjectTagging`). */
export interface ObjectTags {
  /** Returns null if there is no such object or version. */
  getTags(call: Call, ref: ObjectRef, versionId?: string): Promise<ObjectTagSet | null>;
  /** Replaces all tags; at most ten. Throws `not-found`. */
  putTags(call: Call, ref: ObjectRef, tags: ObjectTagSet, versionId?: string): Promise<void>;
}

export interface ObjectAcls {
  /**
   * Returns the canned ACL that grants the same as the object's ACL, or `other` if none does.
   * Returns null if there is no such object.
   */
  getAcl(call: Call, ref: ObjectRef): Promise<CannedAcl | 'other' | null>;
}

/** The tag that names the key of an SSE-C object. Its value is the fingerprint of the key. */
export const keyTagName = 'sftpgw-key';

/** Returns whether two ETags name the same content. Quotes do not matter. An empty ETag equals nothing. */
export function isSameEtag(one: string | undefined, other: string): boolean {
  return one !== undefined && one !== '' && one.replaceAll('"', '') === other.replaceAll('"', '');
}
