import { BufferPool, releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';

/** Bytes are read into memory of this size, and handed on in pieces of it. */
const slabBytes = 256 * 1024;
/** What is left of a body that is shorter goes to memory of its own. */
const slabs = new BufferPool(slabBytes, 128);
/** So much is read ahead of a reader that is slower than the network. */
const aheadBytes = 1024 * 1024;

/** What the connection below a body has to do for it. */
export interface BodySource {
  /** The reader has caught up: read on. */
  resume(): void;
  /** The reader has left before the end. */
  abandon(): void;
}

/**
 * A body of known length that the socket reads straight into: `room` is where the next bytes go, `filled` says how many came.
 * That saves the two buffers of 16 KiB that Node's own client allocates, copies and throws away for every TLS record, a third
 * of a download's CPU. Every piece that comes out is held for its receiver, who may
 * release it (bytes/buffer-pool.ts).
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

  /** True when every byte has come. */
  get isWhole(): boolean {
    return this.#missing === 0;
  }

  /** True when the reader is what everybody waits for. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Where the next bytes go; never empty while bytes are missing. */
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

  /** This many bytes are in `room`. False when the source should stop for now. */
  add(byteLength: number): boolean {
    this.#filled += byteLength;
    this.#missing -= byteLength;
    this.#wakeSoon();
    this.#stopped = this.#missing > 0 && this.#pieceBytes >= aheadBytes;
    return !this.#stopped;
  }

  /** Bytes that came with the head. */
  copyIn(bytes: Buffer): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const copied = bytes.copy(this.room(), 0, at);
      at += copied;
      this.add(copied);
    }
  }

  /** The connection broke: what has come is still handed out, then this is thrown. */
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

  /** After all that the socket has to give in this turn: fewer, larger pieces. */
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

  /** What there is to hand out now, or null. */
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

  /** Nothing will be read into it any more. */
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

  /** Leaves the body: the connection ends unless all of it has come. */
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
