import { ByteRanges } from '../../bytes/byte-ranges.js';
import type { ByteRange } from '../../model/object-store.js';
import type { ScratchFile } from '../upload/scratch-file.js';
import { type EditMemory, editBlockBytes } from './edit-memory.js';

/**
 * The bytes of one file that a client has written, by their offsets. They are in memory as far as the process
 * has blocks for them, else in the encrypted scratch file. Calls must not overlap.
 */
export class ChangedBytes implements AsyncDisposable {
  readonly #memory: EditMemory;
  readonly #openScratch: () => ScratchFile;
  readonly #blocks = new Map<number, Buffer>();
  readonly #inMemory = new ByteRanges();
  readonly #ranges = new ByteRanges();
  #scratch: ScratchFile | null = null;

  constructor(memory: EditMemory, openScratch: () => ScratchFile) {
    this.#memory = memory;
    this.#openScratch = openScratch;
  }

  /** The ranges that were written, in order. */
  get ranges(): ByteRanges {
    return this.#ranges;
  }

  /** Stores bytes and replaces those stored at the same offsets. Throws `over-quota` or `unavailable`. */
  async put(offset: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const position = offset + done;
      const within = position % editBlockBytes;
      const piece = bytes.subarray(done, done + editBlockBytes - within);
      const block = this.#blockAt(Math.floor(position / editBlockBytes));
      const end = position + piece.byteLength;
      if (block === null) {
        this.#scratch ??= this.#openScratch();
        await this.#scratch.keep(position, piece);
      } else {
        block.set(piece, within);
        this.#inMemory.add(position, end);
        this.#scratch?.drop(position, end);
      }
      this.#ranges.add(position, end);
      done += piece.byteLength;
    }
  }

  #blockAt(index: number): Buffer | null {
    const found = this.#blocks.get(index);
    if (found !== undefined) return found;
    const block = this.#memory.take();
    if (block !== null) this.#blocks.set(index, block);
    return block;
  }

  /**
   * Returns a copy of changed bytes from `start` on: at least one, at most up to `end`. The bytes must be in
   * `ranges`. Throws `unavailable`.
   */
  async read(start: number, end: number): Promise<Buffer> {
    const next = this.#inMemory.from(start);
    if (next !== null && next.start <= start) return this.#copied(start, Math.min(end, next.end));
    const found = await this.#scratch?.peek(start, Math.min(end, next?.start ?? end) - start);
    if (found === null || found === undefined) throw new Error(`no changed byte is stored at ${start}`);
    return found;
  }

  #copied(start: number, end: number): Buffer {
    const copy = Buffer.allocUnsafe(end - start);
    for (let position = start; position < end; ) {
      const within = position % editBlockBytes;
      const length = Math.min(editBlockBytes - within, end - position);
      const block = this.#blocks.get(Math.floor(position / editBlockBytes));
      block?.copy(copy, position - start, within, within + length);
      position += length;
    }
    return copy;
  }

  /** Drops the changed bytes from `size` on. */
  cut(size: number): void {
    const all: ByteRange = { start: size, end: Number.MAX_SAFE_INTEGER };
    this.#ranges.remove(all.start, all.end);
    this.#inMemory.remove(all.start, all.end);
    this.#scratch?.drop(all.start, all.end);
    for (const index of [...this.#blocks.keys()]) {
      if (index * editBlockBytes < size) continue;
      this.#blocks.delete(index);
      this.#memory.giveBack(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#memory.giveBack(this.#blocks.size);
    this.#blocks.clear();
    const scratch = this.#scratch;
    this.#scratch = null;
    await scratch?.[Symbol.asyncDispose]();
  }
}
