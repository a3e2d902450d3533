import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { Confirmation, KeyLedger, KeyRange, LedgerDirectory } from '../../model/ledger.js';
import type { ObjectInfo, ObjectRef, WrittenObject } from '../../model/object-store.js';
import type {
  CopySource,
  CopyTarget,
  ObjectDescription,
  ObjectReader,
  SettleReport,
  UploadTarget,
  UploadWriter,
  Vault,
} from '../../vault/vault.js';
import type { FakeS3, StoredObject } from './fake-s3.js';

/** A vault over the bucket in memory. It opens an object only with the key that sealed it, and keeps the ledger's times. */
export class FakeVault implements Vault, LedgerDirectory, Pick<KeyLedger, 'recordMtime'> {
  readonly #s3: FakeS3;
  readonly #rows = new Map<string, Confirmation>();
  /** Uploads begun and not disposed. */
  openWriters = 0;

  constructor(s3: FakeS3) {
    this.#s3 = s3;
  }

  async openUpload(_call: Call, target: UploadTarget): Promise<UploadWriter> {
    this.openWriters += 1;
    return new FakeWriter(
      target,
      (bytes, mtimeSeconds) => this.#store(target, bytes, mtimeSeconds),
      () => {
        this.openWriters -= 1;
      },
    );
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
    return {
      ...description,
      read: async (_call, offset, length) =>
        offset >= object.bytes.byteLength ? null : [object.bytes.subarray(offset, offset + length)],
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async copy(call: Call, { ref, keys, ifMatch }: CopySource, to: CopyTarget): Promise<ObjectInfo | null> {
    const object = this.#open(ref, keys);
    if (object !== null && ifMatch !== undefined && ifMatch !== object.etag)
      throw new Fault('conflict', 'the source is another object by now');
    if (to.onlyIfAbsent === true && this.#s3.objects.has(to.ref.key))
      throw new Fault('exists', 'there is an object already');
    const described = await this.describe(call, ref, keys);
    if (object === null || described === null) return null;
    this.#store(to, object.bytes, to.mtimeSeconds ?? Math.floor(described.mtimeSeconds));
    const copied = this.#s3.objects.get(to.ref.key);
    return copied === undefined ? null : infoOf(copied);
  }

  async move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: UploadTarget): Promise<boolean> {
    const object = this.#open(from, keys);
    const described = await this.describe(call, from, keys);
    if (object === null || described === null) return false;
    this.#store(to, object.bytes, to.mtimeSeconds ?? Math.floor(described.mtimeSeconds));
    this.#s3.objects.delete(from.key);
    return true;
  }

  async remove(_call: Call, ref: ObjectRef, _actor: string, ifMatch?: string): Promise<void> {
    const object = this.#s3.objects.get(ref.key);
    if (object !== undefined && ifMatch !== undefined && ifMatch !== object.etag)
      throw new Fault('conflict', 'another object is there by now');
    this.#s3.objects.delete(ref.key);
    this.#rows.delete(ref.key);
  }

  async settlePending(): Promise<SettleReport> {
    return { confirmed: 0, abandoned: 0, abortedUploads: 0, problems: [] };
  }

  async recordMtime(ref: ObjectRef, mtimeSeconds: number): Promise<void> {
    const row = this.#rows.get(ref.key);
    if (row !== undefined) this.#rows.set(ref.key, { ...row, mtimeSeconds });
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

  #store(target: UploadTarget, bytes: Uint8Array, mtimeSeconds: number | null): WrittenObject {
    const object = this.#s3.put(target.ref.key, bytes, target.encryption, mtimeSeconds);
    const { etag } = object;
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

class FakeWriter implements UploadWriter {
  readonly #store: (bytes: Uint8Array, mtimeSeconds: number | null) => WrittenObject;
  readonly #end: () => void;
  #bytes = Buffer.alloc(0);
  /** One byte for each of `#bytes`: 1 where one came, or was made by truncation. */
  #came = Buffer.alloc(0);
  #mtimeSeconds: number | null;

  constructor(
    target: UploadTarget,
    store: (bytes: Uint8Array, mtimeSeconds: number | null) => WrittenObject,
    end: () => void,
  ) {
    this.#mtimeSeconds = target.mtimeSeconds;
    this.#store = store;
    this.#end = end;
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(chunks);
    if (offset + bytes.byteLength > this.size) this.#resize(offset + bytes.byteLength);
    bytes.copy(this.#bytes, offset);
    this.#came.fill(1, offset, offset + bytes.byteLength);
  }

  async truncate(size: number): Promise<void> {
    const before = this.size;
    this.#resize(size);
    if (size > before) this.#came.fill(1, before);
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
  }

  async commit(): Promise<WrittenObject> {
    const gap = this.#came.indexOf(0);
    if (gap !== -1) throw new Fault('invalid', `the byte ${gap} never came`);
    return this.#store(this.#bytes, this.#mtimeSeconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #resize(size: number): void {
    const resized = (old: Buffer) => Buffer.concat([old.subarray(0, size)], size);
    this.#bytes = resized(this.#bytes);
    this.#came = resized(this.#came);
  }
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
