/** Number of holders of each lent buffer. All other bytes are left to the garbage collector. */
const lent = new WeakMap<ArrayBufferLike, Loan>();

interface Loan {
  readonly bytes: Buffer;
  readonly pool: BufferPool;
  holders: number;
}

/**
 * Reusable buffers of one size, so that the data path creates no garbage. A buffer is lent with one
 * holder and returns to the pool when it has none. Code that keeps bytes of it beyond the call that
 * received them calls `retainBytes`, and later `releaseBytes`, once each. Code that never releases
 * them only costs the reuse: the garbage collector frees that buffer.
 */
export class BufferPool {
  readonly #byteLength: number;
  readonly #maxFree: number;
  readonly #free: Buffer[] = [];

  /** `maxFree` is the max number of unused buffers to keep. */
  constructor(byteLength: number, maxFree: number) {
    this.#byteLength = byteLength;
    this.#maxFree = maxFree;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** Lends a buffer with one holder: the caller. */
  lend(): Buffer {
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#byteLength);
    lent.set(bytes.buffer, { bytes, pool: this, holders: 1 });
    return bytes;
  }

  /** Takes back a buffer. Only `releaseBytes` calls this. */
  takeBack(bytes: Buffer): void {
    if (this.#free.length < this.#maxFree) this.#free.push(bytes);
  }
}

/** Returns true if the bytes may change once they have no holder. */
export function areLent(view: Uint8Array): boolean {
  return lent.has(view.buffer);
}

/** Returns the number of holders of the buffer behind the bytes; 0 for bytes that are not lent. */
export function holdersOf(view: Uint8Array): number {
  return lent.get(view.buffer)?.holders ?? 0;
}

/** Keeps the bytes unchanged until `releaseBytes`. Does nothing for bytes that are not lent. */
export function retainBytes(view: Uint8Array): void {
  const loan = lent.get(view.buffer);
  if (loan !== undefined) loan.holders += 1;
}

/** Removes one holder, which must not use the bytes afterwards. Does nothing for bytes that are not lent. */
export function releaseBytes(view: Uint8Array): void {
  const loan = lent.get(view.buffer);
  if (loan === undefined) return;
  loan.holders -= 1;
  if (loan.holders > 0) return;
  lent.delete(view.buffer);
  loan.pool.takeBack(loan.bytes);
}
