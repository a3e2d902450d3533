import { areLent, releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';

/** Bytes in the order in which they came, as the buffers in which they came. What is lent is held while it is queued. */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  /** Chunks before this index are used up; the array is cut when many are. */
  #first = 0;
  /** Bytes of the first chunk that are used up. */
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

  /** The next four bytes as a big-endian number, left where they are. The caller has checked that they are there. */
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

  /** The next `length` bytes in one piece, left where they are: a view where they lie in one chunk, else a copy. */
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
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than were asked for');
      const part = chunk.subarray(offset, offset + length - filled);
      copy.set(part, filled);
      filled += part.byteLength;
      offset = 0;
    }
    return copy;
  }

  /** `peek` and `skip`; a copy of what is lent. */
  take(length: number): Uint8Array {
    const bytes = this.peek(length);
    const own = areLent(bytes) ? new Uint8Array(bytes) : bytes;
    this.skip(length);
    return own;
  }

  /** The next `length` bytes as views, nothing copied. Each is to be released by whoever takes them. */
  takeViews(length: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = this.#chunks[this.#first];
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than were asked for');
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
      if (chunk === undefined) throw new RangeError('fewer bytes are queued than were asked for');
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
