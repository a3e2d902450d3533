import type { SlabPool } from '../transport/layer.js';
import type { UnsentMemory } from './unsent-memory.js';

/** Used pieces at the start of the list beyond which the list is cut. */
const maxUsedPieces = 64;

/** Pieces of channel data that wait to be sent, in order. Each is released when its last byte is taken. */
export class PieceQueue {
  readonly #slabs: SlabPool;
  readonly #memory: UnsentMemory;
  #pieces: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  #byteLength = 0;

  /** Queued bytes count in `memory`. */
  constructor(slabs: SlabPool, memory: UnsentMemory) {
    this.#slabs = slabs;
    this.#memory = memory;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.byteLength === 0) {
        this.#slabs.release(piece);
        continue;
      }
      this.#pieces.push(piece);
      this.#byteLength += piece.byteLength;
      this.#memory.add(piece.byteLength);
    }
  }

  /**
   * Takes the next `length` bytes, which the caller knows to be queued: calls `send` with views of them, then releases the pieces
   * that are used up. `send` copies.
   */
  take(length: number, send: (views: Uint8Array[]) => void): void {
    const views: Uint8Array[] = [];
    const from = this.#first;
    let missing = length;
    while (missing > 0) {
      const piece = this.#pieces[this.#first];
      if (piece === undefined) throw new RangeError('fewer bytes are queued than requested');
      const end = Math.min(piece.byteLength, this.#offset + missing);
      const isWhole = this.#offset === 0 && end === piece.byteLength;
      views.push(isWhole ? piece : piece.subarray(this.#offset, end));
      missing -= end - this.#offset;
      this.#offset = end;
      if (end === piece.byteLength) {
        this.#first += 1;
        this.#offset = 0;
      }
    }
    this.#byteLength -= length;
    this.#memory.add(-length);
    send(views);
    this.#release(from, this.#first);
  }

  clear(): void {
    this.#release(this.#first, this.#pieces.length);
    this.#pieces = [];
    this.#first = 0;
    this.#offset = 0;
    this.#memory.add(-this.#byteLength);
    this.#byteLength = 0;
  }

  #release(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const piece = this.#pieces[index];
      if (piece !== undefined) this.#slabs.release(piece);
    }
    if (this.#first === this.#pieces.length) {
      this.#pieces = [];
      this.#first = 0;
    } else if (this.#first >= maxUsedPieces) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }
}
