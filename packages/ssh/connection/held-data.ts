import type { SlabPool } from '../transport/layer.js';

/** Shorter chunks are copied together, so that many of them do not cost an object each. */
const minRetainedBytes = 4 * 1024;
const blockBytes = 64 * 1024;
/** Memory that held views may pin beyond twice their own bytes. */
const pinnedSlackBytes = 512 * 1024;
/** Used chunks at the start of the list beyond which the list is cut. */
const maxUsedChunks = 64;

/**
 * Channel data that arrived while the application does not take any. Large chunks stay in the buffer that they lie in. A client can
 * place few bytes of channel data in many buffers, so these buffers count as well: above the bound, chunks are copied.
 */
export class HeldData {
  readonly #slabs: SlabPool;
  #chunks: Uint8Array[] = [];
  #first = 0;
  #byteLength = 0;
  #pinnedBytes = 0;
  #lastPinned: ArrayBufferLike | null = null;
  /** The block that short chunks are copied to, and how far it is full. */
  #block: Buffer | null = null;
  #blockEnd = 0;
  /** True if the last chunk ends at `#blockEnd`, so that it can be extended. */
  #isBlockLast = false;

  constructor(slabs: SlabPool) {
    this.#slabs = slabs;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  push(chunk: Uint8Array): void {
    this.#byteLength += chunk.byteLength;
    if (this.#canRetain(chunk)) this.#retain(chunk);
    else this.#copy(chunk);
  }

  /** Removes the first chunk and passes it to `take`, which retains the bytes that it keeps. */
  shift(take: (chunk: Uint8Array) => void): void {
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined) return;
    this.#first += 1;
    this.#byteLength -= chunk.byteLength;
    if (this.#first === this.#chunks.length) this.#reset();
    else if (this.#first >= maxUsedChunks) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
    take(chunk);
    this.#slabs.release(chunk);
  }

  clear(): void {
    for (let index = this.#first; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index];
      if (chunk !== undefined) this.#slabs.release(chunk);
    }
    this.#byteLength = 0;
    this.#reset();
  }

  #reset(): void {
    this.#chunks = [];
    this.#first = 0;
    this.#pinnedBytes = 0;
    this.#lastPinned = null;
    this.#isBlockLast = false;
    if (this.#block !== null) this.#slabs.release(this.#block);
    this.#block = null;
  }

  #canRetain(chunk: Uint8Array): boolean {
    if (chunk.byteLength < minRetainedBytes || this.#slabs.holders(chunk) === 0) return false;
    const more = chunk.buffer === this.#lastPinned ? 0 : chunk.buffer.byteLength;
    return this.#pinnedBytes + more <= 2 * this.#byteLength + pinnedSlackBytes;
  }

  #retain(chunk: Uint8Array): void {
    if (chunk.buffer !== this.#lastPinned) {
      this.#lastPinned = chunk.buffer;
      this.#pinnedBytes += chunk.buffer.byteLength;
    }
    this.#slabs.retain(chunk);
    this.#chunks.push(chunk);
    this.#isBlockLast = false;
  }

  #copy(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      const block = this.#roomyBlock();
      const length = Math.min(chunk.byteLength - at, block.byteLength - this.#blockEnd);
      block.set(chunk.subarray(at, at + length), this.#blockEnd);
      this.#addCopied(block, length);
      at += length;
    }
  }

  #roomyBlock(): Buffer {
    if (this.#block !== null && this.#blockEnd < this.#block.byteLength) return this.#block;
    if (this.#block !== null) this.#slabs.release(this.#block);
    this.#block = this.#slabs.lend(blockBytes);
    this.#blockEnd = 0;
    this.#isBlockLast = false;
    return this.#block;
  }

  #addCopied(block: Buffer, length: number): void {
    const start = this.#blockEnd;
    this.#blockEnd += length;
    const last = this.#chunks[this.#chunks.length - 1];
    if (this.#isBlockLast && last !== undefined && this.#chunks.length > this.#first) {
      this.#chunks[this.#chunks.length - 1] = block.subarray(start - last.byteLength, this.#blockEnd);
      return;
    }
    this.#slabs.retain(block);
    this.#chunks.push(block.subarray(start, this.#blockEnd));
    this.#isBlockLast = true;
  }
}
