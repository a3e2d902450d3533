import { areLent, releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';

/**
 * A queue of received bytes, in the chunks in which they arrived. It retains lent chunks until they are
 * consumed.
 */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk with unread bytes. The chunks before it are removed in batches. */
  #first = 0;
  /** Bytes of that chunk that are consumed. */
  #offset = 0;
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    retainBytes(chunk);
    this.#chunks.push(chunk);
    this.#byteLength += chunk.byteLength;
  }

  /**
   * Returns the next four bytes as a big-endian number without consuming them. Throws `RangeError` if fewer
   * are queued.
   */
  peekUint32(): number {
    const first = this.#chunks[this.#first];
    if (first !== undefined && first.byteLength - this.#offset >= 4) {
      const at = this.#offset;
      return (
        ((first[at] ?? 0) * 0x1000000 +
          (((first[at + 1] ?? 0) << 16) | ((first[at + 2] ?? 0) << 8) | (first[at + 3] ?? 0))) >>>
        0
      );
    }
    return Buffer.from(this.peek(4)).readUInt32BE(0);
  }

  /**
   * Returns the next `length` bytes without consuming them: a view if one chunk holds them all, otherwise a
   * copy. Throws `RangeError` if fewer are queued.
   */
  peek(length: number): Uint8Array {
    const first = this.#chunks[this.#first];
    if (first !== undefined && first.byteLength - this.#offset >= length) {
      return first.subarray(this.#offset, this.#offset + length);
    }
    const copy = new Uint8Array(length);
    let filled = 0;
    let offset = this.#offset;
    for (let index = this.#first; filled < length; index++) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than requested');
      const part = chunk.subarray(offset, offset + length - filled);
      copy.set(part, filled);
      filled += part.byteLength;
      offset = 0;
    }
    return copy;
  }

  /** Consumes and returns the next `length` bytes. Lent bytes are copied. Throws like `peek`. */
  take(length: number): Uint8Array {
    const bytes = this.peek(length);
    const own = areLent(bytes) ? new Uint8Array(bytes) : bytes;
    this.skip(length);
    return own;
  }

  /**
   * Consumes the next `length` bytes and returns views of them. The caller releases each view. Throws like
   * `peek`.
   */
  takeViews(length: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = this.#chunks[this.#first];
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than requested');
      const view =
        this.#offset === 0 && chunk.byteLength <= missing
          ? chunk
          : chunk.subarray(this.#offset, this.#offset + missing);
      retainBytes(view);
      views.push(view);
      missing -= view.byteLength;
      this.skip(view.byteLength);
    }
    return views;
  }

  skip(length: number): void {
    this.#byteLength -= length;
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[this.#first];
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than requested');
      const available = chunk.byteLength - this.#offset;
      if (left < available) {
        this.#offset += left;
        return;
      }
      left -= available;
      this.#offset = 0;
      releaseBytes(chunk);
      this.#first += 1;
    }
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    } else if (this.#first >= 64) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
  }
}
