import { BufferPool, releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';

/** Bytes are read into buffers of this size, and passed on in pieces of them. */
const slabBytes = 256 * 1024;
/** The end of a body, when shorter, gets a buffer of its own. */
const slabs = new BufferPool(slabBytes, 128);
/** Bytes read ahead for a reader that is slower than the network. */
const aheadBytes = 1024 * 1024;

/** Calls of a body on its connection. */
export interface BodySource {
  /** The reader has caught up; continue reading. */
  resume(): void;
  /** The reader has left before the end. */
  abandon(): void;
}

/**
 * A body of known length that the socket reads straight into: `room` is where the next bytes go, `filled`
 * reports how many came. That saves the two buffers of 16 KiB that Node's own client allocates, copies and
 * throws away for every TLS record, a third of a download's CPU. Every piece that comes out is held for its
 * receiver, who may release it (bytes/buffer-pool.ts).
 */
export class SlabBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: BodySource;
  /** Full slabs, or what is left of them. */
  readonly #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #slab: Buffer = Buffer.alloc(0);
  #filled = 0;
  #taken = 0;
  #missing: number;
  #failure: Error | null = null;
  #left = false;
  #stopped = false;
  #waiting: {
    resolve(result: IteratorResult<Uint8Array>): void;
    reject(error: unknown): void;
  } | null = null;
  #wakeScheduled = false;

  constructor(byteLength: number, source: BodySource) {
    this.#missing = byteLength;
    this.#source = source;
  }

  /** True when every byte has arrived. */
  get isWhole(): boolean {
    return this.#missing === 0;
  }

  /** True while the connection waits for the reader. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Returns the memory for the next bytes; never empty while bytes are missing. */
  room(): Buffer {
    if (this.#filled === this.#slab.byteLength) {
      this.#retire();
      releaseBytes(this.#slab);
      this.#slab = this.#missing < slabBytes ? Buffer.allocUnsafeSlow(this.#missing) : slabs.lend();
      this.#filled = 0;
      this.#taken = 0;
    }
    return this.#slab.subarray(this.#filled);
  }

  /** Records bytes that were read into `room`. False when the source should pause. */
  add(byteLength: number): boolean {
    this.#filled += byteLength;
    this.#missing -= byteLength;
    this.#wakeSoon();
    this.#stopped = this.#missing > 0 && this.#pieceBytes >= aheadBytes;
    return !this.#stopped;
  }

  /** Copies bytes that arrived with the head. */
  copyIn(bytes: Buffer): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const copied = bytes.copy(this.room(), 0, at);
      at += copied;
      this.add(copied);
    }
  }

  /** Records that the connection broke. The bytes so far are still passed on, then `error` is thrown. */
  fail(error: Error): void {
    if (this.isWhole || this.#failure !== null) return;
    this.#failure = error;
    this.#wakeSoon();
  }

  #retire(): void {
    if (this.#taken === this.#filled) return;
    const piece = this.#slab.subarray(this.#taken, this.#filled);
    retainBytes(piece);
    this.#taken = this.#filled;
    this.#pieces.push(piece);
    this.#pieceBytes += piece.byteLength;
  }

  /** Wakes the reader after all reads of this turn, for fewer and larger pieces. */
  #wakeSoon(): void {
    if (this.#waiting === null || this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(() => {
      this.#wakeScheduled = false;
      const waiting = this.#waiting;
      if (waiting === null) return;
      const result = this.#take();
      if (result === null) return;
      this.#waiting = null;
      if (result instanceof Error) waiting.reject(result);
      else waiting.resolve(result);
    });
  }

  /** Returns what can be passed on now, or null. */
  #take(): IteratorResult<Uint8Array> | Error | null {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#pieceBytes -= piece.byteLength;
      if (this.#stopped && this.#pieceBytes < aheadBytes / 2) {
        this.#stopped = false;
        this.#source.resume();
      }
      return { done: false, value: piece };
    }
    if (this.#taken < this.#filled) {
      const value = this.#slab.subarray(this.#taken, this.#filled);
      retainBytes(value);
      this.#taken = this.#filled;
      if (this.isWhole) this.#letGoOfSlab();
      return { done: false, value };
    }
    if (this.isWhole || this.#left) return { done: true, value: undefined };
    return this.#failure;
  }

  /** Releases the buffer after its last read. */
  #letGoOfSlab(): void {
    releaseBytes(this.#slab);
    this.#slab = Buffer.alloc(0);
    this.#filled = 0;
    this.#taken = 0;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const result = this.#take();
    if (result instanceof Error) return Promise.reject(result);
    if (result !== null) return Promise.resolve(result);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Leaves the body. Closes the connection unless every byte has arrived. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#left = true;
    for (const piece of this.#pieces) releaseBytes(piece);
    this.#pieces.length = 0;
    this.#pieceBytes = 0;
    this.#taken = this.#filled;
    if (!this.isWhole && this.#failure === null) this.#source.abandon();
    this.#wakeSoon();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
