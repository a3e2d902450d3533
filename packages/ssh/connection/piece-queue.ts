import type { MessageSender, SlabPool } from '../transport/layer.js';
import type { UnsentMemory } from './unsent-memory.js';

/** Used pieces at the start of the list beyond which the list is cut. */
const maxUsedPieces = 64;

/** The pieces of the message that is being sent, used again for each: what is sent is copied. */
const message: Uint8Array[] = [];

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
   * Sends a message of `head` and the next `length` bytes, which the caller knows to be queued, and releases the pieces that are
   * used up.
   */
  take(length: number, head: Uint8Array, sender: Pick<MessageSender, 'send'>): void {
    message.length = 0;
    message.push(head);
    const from = this.#first;
    let missing = length;
    while (missing > 0) {
      const piece = this.#pieces[this.#first];
      if (piece === undefined) throw new RangeError('fewer bytes are queued than requested');
      const end = Math.min(piece.byteLength, this.#offset + missing);
      const isWhole = this.#offset === 0 && end === piece.byteLength;
      message.push(isWhole ? piece : piece.subarray(this.#offset, end));
      missing -= end - this.#offset;
      this.#offset = end;
      if (end === piece.byteLength) {
        this.#first += 1;
        this.#offset = 0;
      }
    }
    this.#byteLength -= length;
    this.#memory.add(-length);
    sender.send(...message);
    message.length = 0;
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
