import type { Call } from '../../model/call.js';
import type { WrittenObject } from '../../model/object-store.js';
import type { EditOptions, ObjectEditor, UploadTarget } from '../../vault/vault.js';
import type { StoredObject } from './fake-s3.js';

/** The bucket of an edit. */
interface EditedBucket {
  /** Throws unless the object with this ETag is still there and a key opens it. */
  current(call: Call, etag: string): Promise<void>;
  /** Returns the object that the vault itself has stored for this user as the last one, or null. */
  own(): StoredObject | null;
  store(bytes: Uint8Array, mtimeSeconds: number | null): WrittenObject;
  end(): void;
}

/** One change, in the order that the client has made them. */
type Change = { readonly offset: number; readonly bytes: Buffer } | { readonly size: number };

/** An edit over the bucket in memory. It never streams. */
export class FakeEditor implements ObjectEditor {
  readonly #options: EditOptions;
  readonly #bucket: EditedBucket;
  readonly #changes: Change[] = [];
  #etag: string | null;
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes of the object before this offset that were not written are still part of the file. */
  #keptEnd = 0;
  #baseBytes = 0;
  #written: Buffer = Buffer.alloc(0);
  #mtimeSeconds: number | null;
  #wasRead = false;
  #isOver = false;

  constructor(target: UploadTarget, options: EditOptions, object: StoredObject | null, bucket: EditedBucket) {
    const size = options.base?.size ?? 0;
    this.#options = options;
    this.#bucket = bucket;
    this.#etag = options.base?.etag ?? null;
    this.#begin(Buffer.concat([object?.bytes ?? Buffer.alloc(0)], size));
    this.#mtimeSeconds = target.mtimeSeconds;
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  get baseEtag(): string | null {
    return this.#etag;
  }

  get isUnchanged(): boolean {
    const isBehind = (this.#bucket.own()?.etag ?? this.#etag) !== this.#etag;
    if (this.#changes.length > 0 && isBehind) return false;
    return this.#changes.every((change) => 'size' in change && change.size === this.#baseBytes);
  }

  async follow(): Promise<void> {
    const own = this.#options.base === null ? null : this.#bucket.own();
    if (own === null || own.etag === this.#etag) return;
    this.#etag = own.etag;
    this.#begin(Buffer.from(own.bytes));
    for (const change of this.#changes) this.#apply(change);
  }

  #begin(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#written = Buffer.alloc(bytes.byteLength);
    this.#keptEnd = bytes.byteLength;
    this.#baseBytes = bytes.byteLength;
  }

  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    await this.follow();
    if (offset >= this.size) return null;
    const end = Math.min(this.size, offset + length);
    if (this.#written.subarray(offset, Math.min(end, this.#keptEnd)).includes(0)) {
      await this.#bucket.current(call, `${this.#etag}`);
      this.#wasRead = true;
    }
    return [Buffer.from(this.#bytes.subarray(offset, end))];
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.follow();
    const change = { offset, bytes: Buffer.concat(chunks) };
    this.#changes.push(change);
    this.#apply(change);
  }

  #apply(change: Change): void {
    if ('size' in change) {
      this.#keptEnd = Math.min(this.#keptEnd, change.size);
      this.#resize(change.size);
      return;
    }
    const { bytes } = change;
    const offset = this.#options.append === true ? this.size : change.offset;
    const end = offset + bytes.byteLength;
    if (end > this.size) this.#resize(end);
    bytes.copy(this.#bytes, offset);
    this.#written.fill(1, offset, end);
  }

  async truncate(size: number): Promise<void> {
    await this.follow();
    this.#changes.push({ size });
    this.#apply({ size });
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
  }

  async commit(call: Call): Promise<WrittenObject> {
    await this.follow();
    const keeps = this.#written.subarray(0, this.#keptEnd).includes(0);
    if (this.#options.base !== null && (keeps || this.#wasRead))
      await this.#bucket.current(call, `${this.#etag}`);
    return this.#bucket.store(this.#bytes, this.#mtimeSeconds);
  }

  adopt(): void {}

  async park(): Promise<null> {
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.#bucket.end();
    this.#isOver = true;
  }

  #resize(size: number): void {
    const resized = (old: Buffer) => Buffer.concat([old.subarray(0, size)], size);
    this.#bytes = resized(this.#bytes);
    this.#written = resized(this.#written);
  }
}
