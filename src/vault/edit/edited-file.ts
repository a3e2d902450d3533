import { releaseBytes } from '../../bytes/buffer-pool.js';
import { ByteRanges } from '../../bytes/byte-ranges.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ByteRange } from '../../model/object-store.js';
import type { ChangedBytes } from './changed-bytes.js';

/** Reads bytes of the object that is edited, like `ObjectReader.read`. The caller releases the views. */
export type ReadBase = (call: Call, offset: number, length: number) => Promise<readonly Uint8Array[] | null>;

/** Bytes per step when the whole content is read. */
const stepBytes = 1024 * 1024;

/**
 * The content of a file that is edited: the bytes of the object, the changes over them, and zeros where a
 * larger size was set or a write left a hole. Calls must not overlap.
 */
export class EditedFile implements AsyncDisposable {
  #baseBytes: number;
  readonly #readBase: ReadBase;
  readonly #openChanged: () => ChangedBytes;
  #changed: ChangedBytes;
  /** Bytes of an object from here on are no longer part of the file. */
  #cutAt = Number.MAX_SAFE_INTEGER;
  #isSized = false;
  #size: number;

  constructor(baseBytes: number, readBase: ReadBase, openChanged: () => ChangedBytes) {
    this.#baseBytes = baseBytes;
    this.#readBase = readBase;
    this.#openChanged = openChanged;
    this.#changed = openChanged();
    this.#size = baseBytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the object before this offset are kept where they were not written. */
  get keptEnd(): number {
    return Math.min(this.#baseBytes, this.#cutAt);
  }

  /** True if the client has set the size, which then does not depend on the object. */
  get isSized(): boolean {
    return this.#isSized;
  }

  /** True if bytes were written. */
  get isWritten(): boolean {
    return !this.#changed.ranges.isEmpty;
  }

  /** True if the content is that of the object. */
  get isUnchanged(): boolean {
    return this.#changed.ranges.isEmpty && this.keptEnd === this.#baseBytes && this.#size === this.#baseBytes;
  }

  /** The range of all changes, if they are one range that begins at 0 or continues the whole object; else null. */
  get sequence(): ByteRange | null {
    const [first, second] = this.#changed.ranges;
    if (first === undefined || second !== undefined) return null;
    const continues = first.start === this.#baseBytes && this.keptEnd === this.#baseBytes;
    return first.start === 0 || continues ? first : null;
  }

  /** Ranges of the object that the file keeps, at the same offsets. */
  get unchanged(): ByteRanges {
    const kept = new ByteRanges();
    kept.add(0, this.keptEnd);
    for (const { start, end } of this.#changed.ranges) kept.remove(start, end);
    return kept;
  }

  /** Number of bytes that were neither written nor are in the object. */
  get zeroBytes(): number {
    let zeros = this.#size - this.keptEnd;
    for (const { start, end } of this.#changed.ranges)
      zeros -= Math.max(0, end - Math.max(start, this.keptEnd));
    return zeros;
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    const [only, second] = chunks;
    const bytes = second === undefined ? only : Buffer.concat(chunks);
    if (bytes === undefined || bytes.byteLength === 0) return;
    await this.#changed.put(offset, bytes);
    this.#size = Math.max(this.#size, offset + bytes.byteLength);
  }

  resize(size: number): void {
    this.#cutAt = Math.min(this.#cutAt, size);
    this.#isSized = true;
    if (size < this.#size) this.#changed.cut(size);
    this.#size = size;
  }

  /**
   * Applies the changes to another object of `baseBytes` bytes, which `readBase` reads from now on. With
   * `append`, bytes that were written behind the old object move behind the new one, unless the size was set.
   */
  async rebase(baseBytes: number, append: boolean): Promise<void> {
    if (append && !this.#isSized) await this.#shift(baseBytes - this.#baseBytes);
    this.#baseBytes = baseBytes;
    if (this.#isSized) return;
    const written = [...this.#changed.ranges].at(-1)?.end ?? 0;
    this.#size = Math.max(baseBytes, written);
  }

  /** Moves all changed bytes by an offset in bytes. */
  async #shift(by: number): Promise<void> {
    const shifted = this.#openChanged();
    try {
      for (const { start, end } of this.#changed.ranges) {
        for (let at = start; at < end; ) {
          const bytes = await this.#changed.read(at, Math.min(end, at + stepBytes));
          await shifted.put(at + by, bytes);
          at += bytes.byteLength;
        }
      }
    } catch (error) {
      await shifted[Symbol.asyncDispose]();
      throw error;
    }
    const old = this.#changed;
    this.#changed = shifted;
    await old[Symbol.asyncDispose]();
  }

  /**
   * Returns up to `length` bytes from `offset`, or null at or past the end. Throws the faults of the object's
   * reader.
   */
  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    if (!Number.isSafeInteger(offset) || offset < 0 || length < 0)
      throw new Fault('invalid', `invalid range: ${length} bytes at offset ${offset}`);
    if (offset >= this.#size) return null;
    const end = Math.min(this.#size, offset + length);
    const views: Uint8Array[] = [];
    try {
      for (let position = offset; position < end; ) {
        for (const view of await this.#some(call, position, end)) {
          views.push(view);
          position += view.byteLength;
        }
      }
      return views;
    } catch (error) {
      for (const view of views) releaseBytes(view);
      throw error;
    }
  }

  /**
   * Reads a range of the file in steps of `step` bytes. A view is valid until the next one is requested. Several
   * steps make the reader of the object read ahead, also behind the range.
   */
  async *stream(call: Call, start: number, end: number, step = stepBytes): AsyncGenerator<Uint8Array> {
    for (let position = start; position < end; ) {
      const views = (await this.read(call, position, Math.min(step, end - position))) ?? [];
      if (views.length === 0) throw new Error(`the edited file ends at ${position}, before ${end}`);
      try {
        for (const view of views) {
          position += view.byteLength;
          yield view;
        }
      } finally {
        for (const view of views) releaseBytes(view);
      }
    }
  }

  /** Returns bytes from one source: at least one, at most up to `end`. */
  async #some(call: Call, start: number, end: number): Promise<readonly Uint8Array[]> {
    const range = this.#changed.ranges.from(start);
    if (range !== null && range.start <= start)
      return [await this.#changed.read(start, Math.min(end, range.end))];
    const next = Math.min(end, range?.start ?? end);
    if (start >= this.keptEnd) return [Buffer.alloc(Math.min(stepBytes, next - start))];
    const views = await this.#readBase(call, start, Math.min(next, this.keptEnd) - start);
    if (views !== null && views.length > 0) return views;
    throw new Fault('corrupt', `the object ended at byte ${start}, before its size`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changed[Symbol.asyncDispose]();
  }
}
