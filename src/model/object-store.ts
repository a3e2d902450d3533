import type { Call } from './call.js';
import type { Checksum, ChecksumAlgorithm } from './checksum.js';
import type { CannedAcl, ObjectEncryption, ReadAccess, WriteEncryption } from './encryption.js';

/** Where an object is. `key` is the whole key, as S3 has it: UTF-8, at most 1,024 bytes, no leading slash. */
export interface ObjectRef {
  readonly bucket: string;
  readonly key: string;
}

interface BodyFigures {
  readonly byteLength: number;
  /** Of all bytes in order, of the store's own algorithm (`ObjectStore.checksumAlgorithm`). */
  readonly checksum: Checksum;
}

/** A body that lies in memory. */
export interface MemoryBody extends BodyFigures {
  readonly chunks: readonly Uint8Array[];
}

/** A body that is too large for memory. */
export interface StreamedBody extends BodyFigures {
  /**
   * All bytes from the first on, at every call. A piece belongs to its receiver; the next one is fetched when it is asked
   * for. Leaving the loop early is allowed. Throws a Fault when the bytes cannot be brought.
   */
  stream(): AsyncIterable<Uint8Array>;
}

/** A body that can be sent more than once: the bytes stay valid and unchanged until the call that took it settles. */
export type ReplayableBody = MemoryBody | StreamedBody;

export interface ObjectInfo {
  readonly size: number;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly versionId: string | null;
  readonly lastModifiedMs: number;
  readonly encryption: ObjectEncryption;
  /** User metadata, lower-case names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  /** That of the whole object where the server keeps one that is known here (it may keep another algorithm, or none). */
  readonly checksum: Checksum | null;
  /** The full-object CRC-64/NVME as S3 writes it (base64), which AWS keeps of what came without a checksum. */
  readonly crc64Nvme?: string;
}

/** Inclusive first byte and exclusive end; `end` past the object's size is cut by the server. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadCondition {
  /** Fails with `conflict` when the object is no longer this one (412). */
  readonly ifMatch?: string;
  readonly versionId?: string;
}

export interface RemovalCondition {
  /** Fails with `conflict` when there is another object (412). */
  readonly ifMatch?: string;
  /** Removes this version, not the latest. */
  readonly versionId?: string;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /** The bytes of the range, once. Leaving the loop early ends the connection. Throws a Fault on a broken body. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface WriteOptions {
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  /** Fails with `exists` when there is an object already (If-None-Match: *). */
  readonly onlyIfAbsent?: boolean;
  /**
   * Fails with `conflict` when the object there is not the one of this ETag any more, or gone (If-Match). Not together with
   * `onlyIfAbsent`.
   */
  readonly onlyIfMatches?: string;
}

/** What S3 said of a finished write. The store has already compared the echoed encryption with what was asked. */
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

/** What an object must turn out to be. */
export interface WholeObject {
  readonly size: number;
  readonly checksum: Checksum;
}

/** A whole object, as it was found. */
export interface PartSource {
  readonly ref: ObjectRef;
  /** What opens it. */
  readonly access: ReadAccess;
  readonly etag: string;
  readonly size: number;
  readonly checksum: Checksum;
}

/**
 * One multipart upload. Nothing of it is visible before `complete` answers. Dispose it first and it is
 * aborted at S3 (best effort, never throws), unless `park` was called: then it stays for a later resume.
 */
export interface PartUpload extends AsyncDisposable {
  readonly uploadId: string;
  /** Sends one part; 1 <= partNumber <= 10,000. Parts may go side by side and in any order; sending a number again replaces it. */
  uploadPart(call: Call, partNumber: number, body: ReplayableBody): Promise<PartReceipt>;
  /**
   * Lets the server copy an object of up to 5 GiB as one part. Null when it is gone, `conflict` when it has become another one. A
   * checksum that the server answers is compared.
   */
  copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null>;
  /**
   * Makes the object of these parts, in order. `whole` is what the object must turn out to be: after an answer
   * that leaves doubt (a retry's NoSuchUpload, a broken connection) the store asks with HEAD before it calls it failed.
   * Throws `corrupt` when S3's checksum or size is another (the caller then removes the object).
   */
  complete(call: Call, parts: readonly PartReceipt[], whole: WholeObject): Promise<WrittenObject>;
  /** Keeps the upload at S3 when this is disposed. */
  park(): void;
}

export interface CopyOptions extends WriteOptions {
  /** What opens the source. */
  readonly sourceAccess: ReadAccess;
  /** Fails with `conflict` when the source is not this one any more. */
  readonly sourceEtag?: string;
  /** The source's size, as far as the caller knows it: a listing tells. */
  readonly sourceSize?: number;
  /** An older version as the source. */
  readonly sourceVersionId?: string;
  /** `copy` keeps the source's metadata and content type and ignores those of the options. */
  readonly metadataFrom: 'copy' | 'options';
  /**
   * The source's tags, as the caller knows them: the store asks for them only when S3 counts another number. A copy has its
   * source's tags; that of the key (`keyTagName`) is the target's own.
   */
  readonly sourceTags?: ObjectTagSet;
  /** Around each request that copies bytes, not those that look before and after: who copies many objects bounds them by it. */
  readonly admission?: Admission;
}

/** Lets work begin when there is room for it. */
export type Admission = <T>(work: () => Promise<T>) => Promise<T>;

/** What S3 said of a copy, and what the source was when it was made. */
export interface CopiedObject extends WrittenObject {
  readonly source: ObjectInfo;
  /**
   * True when the answer has confirmed everything: the key, if one was said, the checksum of the whole content, and the version, if
   * there are any. Otherwise the caller has to look.
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
  /** `/` gives one level with `prefixes`; null gives everything below. */
  readonly delimiter: '/' | null;
  readonly startAfter?: string;
  readonly continuation?: string;
  /** At most 1,000, the default. */
  readonly maxKeys?: number;
}

export interface ListPage {
  /** In UTF-8 byte order of their keys. */
  readonly objects: readonly ListedObject[];
  /** Common prefixes, each ending with the delimiter. */
  readonly prefixes: readonly string[];
  /** Null on the last page. */
  readonly continuation: string | null;
}

/**
 * Objects in S3. Encryption is said at every call. Absence is null, trouble is a Fault:
 * `not-found` (no such bucket), `denied`, `key-missing` (the object needs a key and none was sent), `key-mismatch`
 * (another key, or a key for an object that has none), `sse-c-blocked`, `conflict` and `exists` (a condition), `throttled`,
 * `unavailable`, `timed-out`, `cancelled`, `corrupt` (a checksum or an echo is not what was asked).
 * Transient faults have already been retried when they come out of here.
 */
export interface ObjectStore {
  /** Of the checksums that bodies bear. What rests in S3 may have others. */
  readonly checksumAlgorithm: ChecksumAlgorithm;
  /** Null when there is no such object. */
  head(call: Call, ref: ObjectRef, access: ReadAccess, versionId?: string): Promise<ObjectInfo | null>;
  /** Null when there is no such object. A range that starts at or past the end throws `invalid`. */
  read(
    call: Call,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition?: ReadCondition,
  ): Promise<ObjectBody | null>;
  /** One PutObject of up to 5 GiB. */
  put(call: Call, ref: ObjectRef, body: ReplayableBody, options: WriteOptions): Promise<WrittenObject>;
  beginUpload(call: Call, ref: ObjectRef, options: WriteOptions): Promise<PartUpload>;
  /** An upload that was begun before and parked, under the same options. Asks nothing of S3: one that is not there any more fails later. */
  resumeUpload(call: Call, ref: ObjectRef, options: WriteOptions, uploadId: string): PartUpload;
  /** A server-side copy of any size. Null when the source is gone. Never answers OK for a target under another encryption. */
  copy(call: Call, from: ObjectRef, to: ObjectRef, options: CopyOptions): Promise<CopiedObject | null>;
  /**
   * Removes the object (with versioning: adds a delete marker, or removes that version). Absence is no fault. A server without
   * conditions for this throws `unsupported`, or does not look at them.
   */
  remove(call: Call, ref: ObjectRef, condition?: RemovalCondition): Promise<void>;
  list(call: Call, request: ListRequest): Promise<ListPage>;
}

export interface PendingUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
}

/** Multipart uploads that nobody holds any more: what the start-up's clean-up needs. */
export interface UploadSweeper {
  /** Every unfinished upload below the prefix. */
  listUploads(call: Call, bucket: string, prefix: string): Promise<readonly PendingUpload[]>;
  /** Absence is no fault. */
  abortUpload(call: Call, ref: ObjectRef, uploadId: string): Promise<void>;
}

/** One version of an object, or a delete marker. */
export interface ListedVersion {
  readonly key: string;
  /** `null` as text is a version id of its own (written while versioning was off); null only where the server has no versions. */
  readonly versionId: string | null;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
  /** 0 for a delete marker. */
  readonly size: number;
  /** Empty for a delete marker. */
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface VersionPage {
  /** By key, the newest version of each first. */
  readonly versions: readonly ListedVersion[];
  /** What `next` of the following request is; null on the last page. */
  readonly next: { readonly keyMarker: string; readonly versionIdMarker: string } | null;
}

export interface VersionsRequest {
  readonly bucket: string;
  /** Empty for the whole bucket. */
  readonly prefix: string;
  /** Where the page begins: behind this version; with an empty `versionIdMarker`, behind all versions of the key. */
  readonly next?: VersionPage['next'];
  /** At most 1,000, the default. */
  readonly maxKeys?: number;
}

/** Every version of a bucket's objects. In a bucket that never had versioning each object is its own only version. */
export interface ObjectVersions {
  listVersions(call: Call, request: VersionsRequest): Promise<VersionPage>;
}

export type ObjectTagSet = Readonly<Record<string, string>>;

/** Tags can be read and written without the object's key (`s3:GetObjectTagging`, `s3:PutObjectTagging`). */
export interface ObjectTags {
  /** Null when there is no such object or version. */
  getTags(call: Call, ref: ObjectRef, versionId?: string): Promise<ObjectTagSet | null>;
  /** Replaces all of them; at most ten. Throws `not-found`. */
  putTags(call: Call, ref: ObjectRef, tags: ObjectTagSet, versionId?: string): Promise<void>;
}

export interface ObjectAcls {
  /** The canned ACL that grants what the object's own ACL does; `other` when none does. Null when there is no such object. */
  getAcl(call: Call, ref: ObjectRef): Promise<CannedAcl | 'other' | null>;
}

/** The tag that names the key of an SSE-C object: its value is the key's fingerprint. */
export const keyTagName = 'sftpgw-key';

/** Returns whether two ETags name the same content. They may have quotes or not; an empty one equals nothing. */
export function isSameEtag(one: string | undefined, other: string): boolean {
  return one !== undefined && one !== '' && one.replaceAll('"', '') === other.replaceAll('"', '');
}
