import { createHash } from 'node:crypto';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { type ChecksumAlgorithm, compareChecksums } from '../../model/checksum.js';
import type { CannedAcl, ReadAccess, WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type {
  ByteRange,
  CompletedPart,
  CopiedObject,
  CopyOptions,
  ListPage,
  ListRequest,
  ObjectAcls,
  ObjectBody,
  ObjectInfo,
  ObjectRef,
  ObjectStore,
  ObjectTagSet,
  ObjectTags,
  PartRange,
  PartReceipt,
  PartSource,
  PartUpload,
  PendingUpload,
  ReadCondition,
  RemovalCondition,
  ReplayableBody,
  UploadSweeper,
  WholeObject,
  WriteOptions,
  WrittenObject,
} from '../../model/object-store.js';
import type { ObjectVersions, VersionPage, VersionsRequest } from '../../model/object-versions.js';

interface StoredUpload {
  readonly ref: ObjectRef;
  readonly options: WriteOptions;
  readonly initiatedMs: number;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly receipt: PartReceipt }>;
}

import { listPage } from './memory-listing.js';
import { checked, checkMetadata, encryptionOf, nameOf, requireKey } from './memory-rules.js';
import { MemoryUpload } from './memory-upload.js';
import {
  checkTags,
  deleteMarker,
  type StoredObject,
  tagsFor,
  versionNameOf,
  versionPage,
} from './memory-versions.js';

/** The operations that a hook can intercept. */
export type StoreOperation =
  | 'head'
  | 'read'
  | 'put'
  | 'begin'
  | 'part'
  | 'copyRange'
  | 'complete'
  | 'abort'
  | 'copy'
  | 'remove'
  | 'list'
  | 'listUploads'
  | 'listVersions'
  | 'getTags'
  | 'getAcl'
  | 'putTags';

/** Hooks for a test. The caller sees the fault that a hook throws. */
export interface StoreHooks {
  /** Called before each operation. */
  before?: (operation: StoreOperation, ref: ObjectRef) => void | Promise<void>;
  /** Called after each operation, before its result is returned. */
  after?: (operation: StoreOperation, ref: ObjectRef) => void | Promise<void>;
  /** Called while an object is copied: its source has been read and compared, and its target has not. */
  whileCopying?: (to: ObjectRef) => void | Promise<void>;
  /** Throws to refuse a conditional removal. */
  beforeRemoval?: (condition: RemovalCondition) => void;
  /** Throws to interrupt a body before the bytes at this position of the object. */
  beforeBytes?: (position: number) => void | Promise<void>;
}

/** Behaviour of a `MemoryStore`. */
export interface MemoryStoreOptions {
  readonly nowMs?: () => number;
  /** The only bucket of the store. */
  readonly bucket?: string;
  readonly versioned?: boolean;
  /** Algorithm of the checksums of bodies and of new objects. */
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  /** Whether responses contain the checksum, as in AWS. */
  readonly answersChecksum?: boolean;
  /**
   * Whether the ETag is the content's MD5 even with a customer key, as in Ceph: another key keeps the same
   * ETag.
   */
  readonly etagIsMd5?: boolean;
  /** Whether tags may be read and replaced. Without that, S3 does not report their number either. */
  readonly permitsTags?: boolean;
  /** Sizes in bytes of the pieces in which bodies are returned. */
  readonly pieceBytes?: number;
}

/**
 * S3 in memory, implementing `ObjectStore`: it compares keys and checks parts, and an object is visible only
 * after `complete`.
 */
export class MemoryStore implements ObjectStore, UploadSweeper, ObjectVersions, ObjectTags, ObjectAcls {
  readonly checksumAlgorithm: ChecksumAlgorithm;
  readonly objects = new Map<string, StoredObject[]>();
  readonly uploads = new Map<string, StoredUpload>();
  hooks: StoreHooks = {};
  readonly counts = new Map<StoreOperation, number>();
  bytesRead = 0;
  readonly #options: Required<MemoryStoreOptions>;
  #names = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = {
      nowMs: () => Date.now(),
      bucket: 'bucket',
      versioned: false,
      checksumAlgorithm: 'crc32c',
      answersChecksum: true,
      etagIsMd5: false,
      permitsTags: true,
      pieceBytes: 64 * 1024,
      ...options,
    };
    this.checksumAlgorithm = this.#options.checksumAlgorithm;
  }

  // Returns the object, read without a key, or null.
  contentOf(ref: ObjectRef): Buffer | null {
    return this.#current(ref)?.bytes ?? null;
  }
  encryptionOf(ref: ObjectRef): WriteEncryption | null {
    return this.#current(ref)?.encryption ?? null;
  }
  infoOf(ref: ObjectRef): ObjectInfo | null {
    return this.#current(ref)?.info ?? null;
  }

  count(operation: StoreOperation): number {
    return this.counts.get(operation) ?? 0;
  }

  async head(call: Call, ref: ObjectRef, access: ReadAccess, versionId?: string): Promise<ObjectInfo | null> {
    return this.#run(call, 'head', ref, () => {
      const object = this.#find(ref, versionId);
      if (object === null) return null;
      requireKey(ref, object.encryption, access);
      return object.info;
    });
  }

  async read(
    call: Call,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition: ReadCondition = {},
  ): Promise<ObjectBody | null> {
    return this.#run(call, 'read', ref, () => {
      if (range !== null && range.end <= range.start) throw new Fault('invalid', 'the range has no byte');
      const object = this.#find(ref, condition.versionId);
      if (object === null) return null;
      requireKey(ref, object.encryption, access);
      if (condition.ifMatch !== undefined && condition.ifMatch !== object.info.etag) {
        throw new Fault('conflict', `${ref.key} was replaced`);
      }
      if (range !== null && range.start >= object.bytes.byteLength) {
        throw new Fault('invalid', 'the range begins behind the end');
      }
      const start = range?.start ?? 0;
      const end = Math.min(object.bytes.byteLength, range?.end ?? Number.MAX_SAFE_INTEGER);
      return { info: object.info, bytes: this.#body(call, object.bytes, start, end) };
    });
  }

  async *#body(call: Call, bytes: Buffer, start: number, end: number): AsyncIterable<Uint8Array> {
    for (let position = start; position < end; ) {
      await this.hooks.beforeBytes?.(position);
      if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
      const next = Math.min(end, position + this.#options.pieceBytes);
      this.bytesRead += next - position;
      yield Uint8Array.from(bytes.subarray(position, next));
      position = next;
    }
  }

  async put(call: Call, ref: ObjectRef, body: ReplayableBody, options: WriteOptions): Promise<WrittenObject> {
    return this.#run(call, 'put', ref, async () => {
      const bytes = await checked(body);
      return this.#store(ref, bytes, options, this.#etag(bytes), tagsFor(options.encryption, options.tags));
    });
  }

  async beginUpload(call: Call, ref: ObjectRef, options: WriteOptions): Promise<PartUpload> {
    return this.#run(call, 'begin', ref, () => {
      checkMetadata(options.metadata);
      const uploadId = `upload-${this.#name()}`;
      this.uploads.set(uploadId, { ref, options, initiatedMs: this.#options.nowMs(), parts: new Map() });
      return new MemoryUpload(this, uploadId);
    });
  }

  resumeUpload(_call: Call, _ref: ObjectRef, _options: WriteOptions, uploadId: string): PartUpload {
    return new MemoryUpload(this, uploadId);
  }

  async uploadPart(
    call: Call,
    uploadId: string,
    partNumber: number,
    body: ReplayableBody,
  ): Promise<PartReceipt> {
    const upload = this.#upload(uploadId);
    return this.#run(call, 'part', upload.ref, async () => {
      this.#upload(uploadId);
      if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000)
        throw new Fault('invalid', `no part ${partNumber}`);
      const bytes = await checked(body);
      const receipt = {
        partNumber,
        etag: this.#etag(bytes),
        size: bytes.byteLength,
        checksum: body.checksum,
      };
      upload.parts.set(partNumber, { bytes, receipt });
      return receipt;
    });
  }

  async copyPart(
    call: Call,
    uploadId: string,
    partNumber: number,
    { ref, access, etag, size, checksum }: PartSource,
  ): Promise<PartReceipt | null> {
    const upload = this.#upload(uploadId);
    return this.#run(call, 'part', upload.ref, () => {
      const source = this.#find(ref, undefined);
      if (source === null) return null;
      requireKey(ref, source.encryption, access);
      if (source.info.etag !== etag) throw new Fault('conflict', `${ref.key} was replaced`);
      const receipt = { partNumber, etag: this.#etag(source.bytes), size, checksum };
      upload.parts.set(partNumber, { bytes: source.bytes, receipt });
      return receipt;
    });
  }

  async copyRange(
    call: Call,
    uploadId: string,
    partNumber: number,
    { ref, access, etag, versionId, range }: PartRange,
  ): Promise<CompletedPart | null> {
    const upload = this.#upload(uploadId);
    return this.#run(call, 'copyRange', upload.ref, () => {
      const source = this.#find(ref, versionId ?? undefined);
      if (source === null) return null;
      requireKey(ref, source.encryption, access);
      if (source.info.etag !== etag) throw new Fault('conflict', `${ref.key} was replaced`);
      if (range.end > source.bytes.byteLength) throw new Fault('invalid', 'the range ends behind the object');
      const bytes = source.bytes.subarray(range.start, range.end);
      const checksum = checksumOf(this.checksumAlgorithm, bytes);
      const receipt = { partNumber, etag: this.#etag(bytes), size: bytes.byteLength, checksum };
      upload.parts.set(partNumber, { bytes, receipt });
      return { ...receipt, checksum: this.#options.answersChecksum ? checksum : null };
    });
  }

  async complete(
    call: Call,
    uploadId: string,
    receipts: readonly CompletedPart[],
    whole: WholeObject,
  ): Promise<WrittenObject> {
    const upload = this.#upload(uploadId);
    return this.#run(call, 'complete', upload.ref, () => {
      this.#upload(uploadId);
      const parts = receipts.map((receipt) => {
        const part = upload.parts.get(receipt.partNumber);
        if (part === undefined || part.receipt.etag !== receipt.etag)
          throw new Fault('invalid', 'InvalidPart');
        return part.bytes;
      });
      for (const part of parts.slice(0, -1)) {
        if (part.byteLength < 5 * 1024 * 1024) throw new Fault('invalid', 'EntityTooSmall');
      }
      const bytes = Buffer.concat(parts);
      const sum = checksumOf(this.checksumAlgorithm, bytes);
      if (bytes.byteLength !== whole.size || compareChecksums(sum, whole.checksum) === 'different') {
        throw new Fault('corrupt', 'the object is not what was sent');
      }
      this.uploads.delete(uploadId);
      const { options } = upload;
      const tags = tagsFor(options.encryption, options.tags);
      return this.#store(upload.ref, bytes, options, `"${this.#name()}-${parts.length}"`, tags);
    });
  }

  async copy(call: Call, from: ObjectRef, to: ObjectRef, options: CopyOptions): Promise<CopiedObject | null> {
    return this.#run(call, 'copy', to, async () => {
      const source = this.#find(from, options.sourceVersionId);
      if (source === null) return null;
      requireKey(from, source.encryption, options.sourceAccess);
      if (options.sourceEtag !== undefined && options.sourceEtag !== source.info.etag) {
        throw new Fault('conflict', `${from.key} was replaced`);
      }
      await this.hooks.whileCopying?.(to);
      const { metadata, contentType } = options.metadataFrom === 'copy' ? source.info : options;
      const tags = tagsFor(options.encryption, source.tags);
      const described = { ...options, metadata, contentType };
      const written = this.#store(to, source.bytes, described, this.#etag(source.bytes), tags);
      return { ...written, source: source.info };
    });
  }

  async remove(call: Call, ref: ObjectRef, condition: RemovalCondition = {}): Promise<void> {
    const { versionId, ifMatch } = condition;
    await this.#run(call, 'remove', ref, () => {
      this.hooks.beforeRemoval?.(condition);
      const found = this.#find(ref, versionId);
      if (ifMatch !== undefined && found !== null && found.info.etag !== ifMatch)
        throw new Fault('conflict', `${ref.key} was replaced`);
      const name = nameOf(ref);
      const versions = this.objects.get(name) ?? [];
      if (versionId === undefined && this.#options.versioned) {
        const marker = deleteMarker(`version-${this.#name()}`, this.#options.nowMs());
        this.objects.set(name, [...versions, marker]);
        return;
      }
      const left = versionId === undefined ? [] : versions.filter((one) => versionNameOf(one) !== versionId);
      if (left.length === 0) this.objects.delete(name);
      else this.objects.set(name, left);
    });
  }

  async listVersions(call: Call, request: VersionsRequest): Promise<VersionPage> {
    return this.#run(call, 'listVersions', { bucket: request.bucket, key: request.prefix }, () =>
      versionPage(this.objects, request),
    );
  }

  async getTags(call: Call, ref: ObjectRef, versionId?: string): Promise<ObjectTagSet | null> {
    return this.#run(call, 'getTags', ref, () => {
      this.#requireTags();
      return this.#find(ref, versionId)?.tags ?? null;
    });
  }

  async getAcl(call: Call, ref: ObjectRef): Promise<CannedAcl | null> {
    return this.#run(call, 'getAcl', ref, () => {
      const object = this.#current(ref);
      return object === null ? null : (object.acl ?? 'private');
    });
  }

  async putTags(call: Call, ref: ObjectRef, tags: ObjectTagSet, versionId?: string): Promise<void> {
    await this.#run(call, 'putTags', ref, () => {
      this.#requireTags();
      const object = this.#find(ref, versionId);
      if (object === null) throw new Fault('not-found', `there is no ${ref.key}`);
      checkTags(tags);
      const versions = this.objects.get(nameOf(ref)) ?? [];
      this.objects.set(
        nameOf(ref),
        versions.map((one) => (one === object ? { ...object, tags: { ...tags } } : one)),
      );
    });
  }

  #requireTags(): void {
    if (!this.#options.permitsTags) throw new Fault('denied', 'allow s3:GetObjectTagging');
  }

  async list(call: Call, request: ListRequest): Promise<ListPage> {
    return this.#run(call, 'list', { bucket: request.bucket, key: request.prefix }, () => {
      const bucket = `${request.bucket}/`;
      const all = [...this.objects].flatMap(([name, versions]) => {
        const latest = versions.at(-1);
        if (latest === undefined || latest.isDeleteMarker || !name.startsWith(bucket)) return [];
        return [{ ...latest.info, key: name.slice(bucket.length) }];
      });
      return listPage(all, request);
    });
  }

  async listUploads(call: Call, bucket: string, prefix: string): Promise<readonly PendingUpload[]> {
    return this.#run(call, 'listUploads', { bucket, key: prefix }, () =>
      [...this.uploads]
        .filter(([, { ref }]) => ref.bucket === bucket && ref.key.startsWith(prefix))
        .map(([uploadId, { ref, initiatedMs }]) => ({ key: ref.key, uploadId, initiatedMs })),
    );
  }

  async abortUpload(call: Call, ref: ObjectRef, uploadId: string): Promise<void> {
    await this.#run(call, 'abort', ref, () => {
      this.uploads.delete(uploadId);
    });
  }

  async abortById(call: Call, uploadId: string): Promise<void> {
    const upload = this.uploads.get(uploadId);
    if (upload !== undefined) await this.abortUpload(call, upload.ref, uploadId);
  }

  /** Aborts an upload as its disposal does: best effort. */
  async discard(uploadId: string): Promise<void> {
    const call = { signal: new AbortController().signal } as Call;
    await this.abortById(call, uploadId).catch(() => undefined);
  }

  async #run<T>(
    call: Call,
    operation: StoreOperation,
    ref: ObjectRef,
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
    if (ref.bucket !== this.#options.bucket) {
      throw new Fault('not-found', `there is no bucket ${ref.bucket}`);
    }
    this.counts.set(operation, this.count(operation) + 1);
    await this.hooks.before?.(operation, ref);
    if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
    const result = await work();
    await this.hooks.after?.(operation, ref);
    return result;
  }

  #store(
    ref: ObjectRef,
    bytes: Buffer,
    options: WriteOptions,
    etag: string,
    tags: ObjectTagSet = tagsFor(options.encryption),
  ): WrittenObject {
    if (Buffer.byteLength(ref.key) > 1024) throw new Fault('invalid', 'the key is longer than 1,024 bytes');
    if (options.onlyIfAbsent === true && this.#current(ref) !== null) {
      throw new Fault('exists', `${ref.key} exists`);
    }
    if (options.onlyIfMatches !== undefined && this.#current(ref)?.info.etag !== options.onlyIfMatches) {
      throw new Fault('conflict', `${ref.key} was replaced`);
    }
    checkMetadata(options.metadata);
    const versionId = this.#options.versioned ? `version-${this.#name()}` : null;
    const { answersChecksum, checksumAlgorithm, permitsTags } = this.#options;
    const tagCount = permitsTags ? Object.keys(tags).length : 0;
    const checksum = answersChecksum ? checksumOf(checksumAlgorithm, bytes) : null;
    const info: ObjectInfo = {
      size: bytes.byteLength,
      etag,
      versionId,
      lastModifiedMs: this.#options.nowMs(),
      encryption: encryptionOf(options.encryption),
      metadata: options.metadata,
      contentType: options.contentType,
      checksum,
      ...(tagCount === 0 ? {} : { tagCount }),
    };
    const earlier = this.#options.versioned ? (this.objects.get(nameOf(ref)) ?? []) : [];
    const { encryption, acl } = options;
    const stored = { bytes, info, encryption, acl, tags, isDeleteMarker: false };
    this.objects.set(nameOf(ref), [...earlier, stored]);
    return { etag, versionId, checksum };
  }

  #upload(uploadId: string): StoredUpload {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) throw new Fault('not-found', 'NoSuchUpload');
    return upload;
  }

  #current(ref: ObjectRef): StoredObject | null {
    const latest = this.objects.get(nameOf(ref))?.at(-1);
    return latest === undefined || latest.isDeleteMarker ? null : latest;
  }
  #find(ref: ObjectRef, versionId: string | undefined): StoredObject | null {
    if (versionId === undefined) return this.#current(ref);
    const found = this.objects.get(nameOf(ref))?.find((object) => versionNameOf(object) === versionId);
    return found === undefined || found.isDeleteMarker ? null : found;
  }

  #name(): string {
    this.#names += 1;
    return this.#names.toString(16).padStart(8, '0');
  }

  #etag(bytes: Buffer): string {
    const { etagIsMd5 } = this.#options;
    return etagIsMd5 ? `"${createHash('md5').update(bytes).digest('hex')}"` : `"${this.#name()}"`;
  }
}
