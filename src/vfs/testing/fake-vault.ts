import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type {
  Confirmation,
  FoundVersion,
  IntentId,
  KeyLedger,
  KeyRange,
  LedgerDirectory,
  LedgerVersions,
} from '../../model/ledger.js';
import type { ObjectChanges, ObjectInfo, ObjectRef, WrittenObject } from '../../model/object-store.js';
import type { ParkedUpload, ParkedUploads } from '../../model/parked-uploads.js';
import { sealedWith } from '../../vault/sealed-with.js';
import type {
  CopySource,
  CopyTarget,
  EditOptions,
  FileWriter,
  ObjectDescription,
  ObjectEditor,
  ObjectReader,
  SettleReport,
  UploadOptions,
  UploadTarget,
  Vault,
} from '../../vault/vault.js';
import { FakeEditor } from './fake-editor.js';
import type { FakeS3, StoredObject } from './fake-s3.js';

/** Max size in bytes of a file that is not received completely. */
const maxBytes = 1_000_000;

/** A parked upload keeps whole parts of this size in bytes. */
export const partBytes = 8;

/**
 * A vault over the bucket in memory. It opens an object only with its key, and records times like the ledger.
 */
export class FakeVault
  implements
    Vault,
    LedgerDirectory,
    Pick<KeyLedger, 'recordMtime'>,
    Pick<LedgerVersions, 'restore'>,
    Pick<ParkedUploads, 'parked' | 'setMtime'>
{
  readonly #s3: FakeS3;
  readonly #rows = new Map<string, Confirmation>();
  /** Number of uploads that are not disposed. */
  openWriters = 0;
  /** Number of readers that are not disposed. */
  openReaders = 0;
  nowMs: () => number = () => 1_800_000_000_000;
  /** Learns what this vault changes in the bucket. */
  changes: ObjectChanges = { changed: () => undefined };
  readonly #parked = new Map<
    IntentId,
    { readonly upload: ParkedUpload; readonly bytes: Buffer; readonly encryption: UploadTarget['encryption'] }
  >();
  #uploads = 0;
  /** The users of uploads and edits, by the ETag of their object. */
  readonly #own = new Map<string, string>();

  constructor(s3: FakeS3) {
    this.#s3 = s3;
  }

  async openUpload(
    _call: Call,
    target: UploadTarget,
    { resumable = false, resume = null, extend = null }: UploadOptions = {},
  ): Promise<FileWriter> {
    const extended = extend === null ? null : this.#open(target.ref, extend.keys);
    if (extend !== null && extended?.etag !== extend.etag)
      throw new Fault('conflict', 'another client has written it meanwhile');
    const kept = resume === null ? undefined : this.#parked.get(resume.id);
    if (resume !== null && kept === undefined) throw new Fault('conflict', 'another session has resumed it');
    if (kept !== undefined && !isDeepStrictEqual(kept.encryption, target.encryption))
      throw new Fault('unsupported', 'the encryption has changed');
    if (kept !== undefined) this.#parked.delete(kept.upload.id);
    this.openWriters += 1;
    const end = () => {
      this.openWriters -= 1;
    };
    const park = (bytes: Buffer, mtimeSeconds: number | null) =>
      resumable ? this.#park(target, bytes, mtimeSeconds, false) : null;
    const hold = (bytes: Buffer, mtimeSeconds: number | null) =>
      this.#park(target, bytes, mtimeSeconds, true);
    const store = (bytes: Uint8Array, mtimeSeconds: number | null) =>
      this.#storeOwn(target, bytes, mtimeSeconds);
    const begun = kept?.bytes ?? Buffer.from(extended?.bytes ?? []);
    return new FakeWriter(target, begun, { store, park, hold, end });
  }

  openEdit(_call: Call, target: UploadTarget, options: EditOptions): ObjectEditor {
    this.openWriters += 1;
    const object = options.base === null ? null : (this.#s3.objects.get(target.ref.key) ?? null);
    return new FakeEditor(target, options, object?.etag === options.base?.etag ? object : null, {
      own: () => {
        const now = this.#s3.objects.get(target.ref.key);
        return now !== undefined && this.#own.get(now.etag) === target.actor ? now : null;
      },
      current: async (call, etag) => {
        const now = this.#open(target.ref, (await options.base?.keys(call)) ?? []);
        if (options.base !== null && now?.etag !== etag) throw options.base.replaced();
      },
      store: (bytes, mtimeSeconds) => this.#storeOwn(target, bytes, mtimeSeconds),
      end: () => {
        this.openWriters -= 1;
      },
    });
  }

  #park(target: UploadTarget, bytes: Buffer, mtimeSeconds: number | null, isComplete: boolean): ParkedUpload {
    const { ref, encryption, actor, shownKey = null } = target;
    const id = `row-${this.#uploads++}` as IntentId;
    const checksum = { algorithm: 'crc32c', value: 0 } as const;
    const parts = [{ partNumber: 1, etag: '"1"', size: bytes.byteLength, checksum }];
    const upload: ParkedUpload = {
      id,
      ref,
      sealedWith: sealedWith(encryption),
      actor,
      uploadId: id,
      parts,
      mtimeSeconds,
      parkedMs: this.nowMs(),
      shownKey,
      isComplete,
    };
    this.#parked.set(id, { upload, bytes, encryption });
    return upload;
  }

  async completeParked(_call: Call, { id }: ParkedUpload, target: UploadTarget): Promise<void> {
    const kept = this.#parked.get(id);
    if (kept?.upload.isComplete !== true) throw new Fault('bug', 'the upload is not complete');
    if (!isDeepStrictEqual(kept.encryption, target.encryption))
      throw new Fault('unsupported', 'the encryption has changed');
    this.#store(target, kept.bytes, kept.upload.mtimeSeconds);
    this.#parked.delete(id);
  }

  async setMtime(id: IntentId, mtimeSeconds: number): Promise<boolean> {
    const kept = this.#parked.get(id);
    if (kept !== undefined) this.#parked.set(id, { ...kept, upload: { ...kept.upload, mtimeSeconds } });
    return kept !== undefined;
  }

  async abortParked(_call: Call, { id }: ParkedUpload): Promise<void> {
    this.#parked.delete(id);
  }

  async ownParked(): Promise<readonly ParkedUpload[]> {
    return await this.parked();
  }

  async parked(): Promise<readonly ParkedUpload[]> {
    return [...this.#parked.values()].map(({ upload }) => upload);
  }

  async describe(
    _call: Call,
    ref: ObjectRef,
    keys: readonly CustomerKey[],
  ): Promise<ObjectDescription | null> {
    const object = this.#open(ref, keys);
    if (object === null) return null;
    const row = this.#rows.get(ref.key);
    const known = row?.etag === object.etag ? row.mtimeSeconds : null;
    const mtimeSeconds = known ?? object.mtimeSeconds ?? object.lastModifiedMs / 1000;
    return { info: infoOf(object), mtimeSeconds };
  }

  async openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null> {
    const description = await this.describe(call, ref, keys);
    const object = this.#s3.objects.get(ref.key);
    if (description === null || object === undefined) return null;
    this.openReaders += 1;
    return {
      ...description,
      read: async (_call, offset, length) =>
        offset >= object.bytes.byteLength ? null : [object.bytes.subarray(offset, offset + length)],
      [Symbol.asyncDispose]: async () => {
        this.openReaders -= 1;
      },
    };
  }

  async copy(call: Call, { ref, keys, ifMatch }: CopySource, to: CopyTarget): Promise<ObjectInfo | null> {
    const object = this.#open(ref, keys);
    const there = this.#s3.objects.get(to.ref.key);
    if (to.onlyIfMatches !== undefined && to.onlyIfMatches !== there?.etag)
      throw new Fault('conflict', 'the target was replaced');
    if (object !== null && ifMatch !== undefined && ifMatch !== object.etag)
      throw new Fault('conflict', 'the source was replaced');
    if (to.onlyIfAbsent === true && this.#s3.objects.has(to.ref.key))
      throw new Fault('exists', 'there is an object already');
    const described = await this.describe(call, ref, keys);
    if (object === null || described === null) return null;
    this.#store(to, object.bytes, to.mtimeSeconds ?? Math.floor(described.mtimeSeconds));
    const copied = this.#s3.objects.get(to.ref.key);
    return copied === undefined ? null : infoOf(copied);
  }

  async move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: CopyTarget): Promise<boolean> {
    const object = this.#open(from, keys);
    if (to.onlyIfAbsent === true && this.#s3.objects.has(to.ref.key))
      throw new Fault('exists', 'there is an object already');
    const described = await this.describe(call, from, keys);
    if (object === null || described === null) return false;
    this.#store(to, object.bytes, to.mtimeSeconds ?? Math.floor(described.mtimeSeconds));
    this.#s3.objects.delete(from.key);
    this.changes.changed(from, 'removed');
    return true;
  }

  async remove(_call: Call, ref: ObjectRef, _actor: string, ifMatch?: string): Promise<void> {
    const object = this.#s3.objects.get(ref.key);
    if (object !== undefined && ifMatch !== undefined && ifMatch !== object.etag)
      throw new Fault('conflict', 'the object was replaced by another client');
    this.#s3.objects.delete(ref.key);
    this.changes.changed(ref, 'removed');
    this.#rows.delete(ref.key);
  }

  async settlePending(): Promise<SettleReport> {
    return { confirmed: 0, abandoned: 0, abortedUploads: 0, problems: [] };
  }

  async recordMtime(ref: ObjectRef, etag: string, mtimeSeconds: number): Promise<boolean> {
    const row = this.#rows.get(ref.key);
    if (row?.etag !== etag) return false;
    this.#rows.set(ref.key, { ...row, mtimeSeconds });
    return true;
  }

  /** Records the objects as confirmed. */
  async restore(found: readonly FoundVersion[]): Promise<readonly FoundVersion[]> {
    for (const version of found) this.#rows.set(version.ref.key, version);
    return found;
  }

  async confirmedBelow(
    _bucket: string,
    prefix: string,
    within?: KeyRange,
  ): Promise<ReadonlyMap<string, Confirmation>> {
    const isWithin = (key: string) =>
      within === undefined ||
      (Buffer.compare(Buffer.from(key), Buffer.from(within.first)) >= 0 &&
        Buffer.compare(Buffer.from(key), Buffer.from(within.last)) <= 0);
    return new Map(
      [...this.#rows].filter(
        ([key]) => key.startsWith(prefix) && !key.slice(prefix.length).includes('/') && isWithin(key),
      ),
    );
  }

  #open(ref: ObjectRef, keys: readonly CustomerKey[]): StoredObject | null {
    const object = this.#s3.objects.get(ref.key);
    if (object === undefined) return null;
    const { encryption } = object;
    if (encryption.kind === 'sse-c' && !keys.some((key) => key.equals(encryption.key)))
      throw new Fault('key-mismatch', `no key opens ${ref.key}`);
    return object;
  }

  #storeOwn(target: UploadTarget, bytes: Uint8Array, mtimeSeconds: number | null): WrittenObject {
    const written = this.#store(target, bytes, mtimeSeconds);
    this.#own.set(written.etag, target.actor);
    return written;
  }

  #store(target: UploadTarget, bytes: Uint8Array, mtimeSeconds: number | null): WrittenObject {
    const object = this.#s3.put(target.ref.key, bytes, target.encryption, mtimeSeconds);
    const { etag } = object;
    this.changes.changed(target.ref, 'written');
    this.#rows.set(target.ref.key, {
      size: bytes.byteLength,
      checksum: null,
      etag,
      versionId: null,
      mtimeSeconds,
    });
    return { etag, versionId: null, checksum: null };
  }
}

interface WriterEnds {
  store(bytes: Uint8Array, mtimeSeconds: number | null): WrittenObject;
  park(bytes: Buffer, mtimeSeconds: number | null): ParkedUpload | null;
  hold(bytes: Buffer, mtimeSeconds: number | null): ParkedUpload;
  end(): void;
}

class FakeWriter implements FileWriter {
  readonly #ends: WriterEnds;
  /** Bytes before this offset cannot be written again. */
  readonly #sentEnd: number;
  #bytes: Buffer;
  /** One byte for each of `#bytes`: 1 if it was received. */
  #came: Buffer;
  #mtimeSeconds: number | null;
  #isParked = false;

  constructor(target: UploadTarget, sent: Buffer, ends: WriterEnds) {
    this.#mtimeSeconds = target.mtimeSeconds;
    this.#ends = ends;
    this.#sentEnd = sent.byteLength;
    this.#bytes = sent;
    this.#came = Buffer.alloc(sent.byteLength, 1);
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    if (offset < this.#sentEnd) throw sent();
    const bytes = Buffer.concat(chunks);
    if (offset + bytes.byteLength > this.size) this.#resize(offset + bytes.byteLength);
    bytes.copy(this.#bytes, offset);
    this.#came.fill(1, offset, offset + bytes.byteLength);
  }

  async truncate(size: number): Promise<void> {
    if (size < this.#sentEnd) throw sent();
    this.#resize(size);
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
  }

  async commit(): Promise<WrittenObject> {
    if (this.size > maxBytes) throw new Fault('too-large', 'too many bytes were never received');
    return this.#ends.store(this.#bytes, this.#mtimeSeconds);
  }

  adopt(): void {}

  async hold(): Promise<ParkedUpload> {
    const gap = this.#came.indexOf(0);
    if (gap !== -1) throw new Fault('invalid', `byte ${gap} was never received`);
    const held = this.#ends.hold(this.#bytes, this.#mtimeSeconds);
    this.#isParked = true;
    this.#ends.end();
    return held;
  }

  async park(): Promise<ParkedUpload | null> {
    const gap = this.#came.indexOf(0);
    const came = gap === -1 ? this.size : gap;
    const whole = came - (came % partBytes);
    if (whole === 0) return null;
    const parked = this.#ends.park(this.#bytes.subarray(0, whole), this.#mtimeSeconds);
    if (parked !== null) this.#isParked = true;
    if (parked !== null) this.#ends.end();
    return parked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isParked) this.#ends.end();
  }

  #resize(size: number): void {
    const resized = (old: Buffer) => Buffer.concat([old.subarray(0, size)], size);
    this.#bytes = resized(this.#bytes);
    this.#came = resized(this.#came);
  }
}

function sent(): Fault {
  return new Fault('unsupported', 'these bytes were already sent');
}

function infoOf(object: StoredObject): ObjectInfo {
  return {
    size: object.bytes.byteLength,
    etag: object.etag,
    versionId: null,
    lastModifiedMs: object.lastModifiedMs,
    encryption: { kind: 'unknown' },
    metadata: {},
    contentType: null,
    checksum: null,
  };
}
