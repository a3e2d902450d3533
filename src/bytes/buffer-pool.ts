/** How often each buffer that is lent is held. Bytes that are in none of them belong to the garbage collector alone. */
const lent = new WeakMap<ArrayBufferLike, Loan>();

interface Loan {
  readonly bytes: Buffer;
  readonly pool: BufferPool;
  holders: number;
}

/**
 * Buffers of one size that are used again, so that the data path leaves nothing to the garbage collector. One is given out
 * with one holder, and comes back when it has none. Whoever keeps bytes of it beyond the call that brought them says so with
 * `retainBytes`, and `releaseBytes` when done, once each. Who never does only costs the reuse: that buffer is left to
 * the garbage collector.
 */
export class BufferPool {
  readonly #byteLength: number;
  readonly #mostFree: number;
  readonly #free: Buffer[] = [];

  /** `mostFree` bounds how many are kept while nobody needs them. */
  constructor(byteLength: number, mostFree: number) {
    this.#byteLength = byteLength;
    this.#mostFree = mostFree;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** A buffer with one holder: the caller. */
  lend(): Buffer {
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#byteLength);
    lent.set(bytes.buffer, { bytes, pool: this, holders: 1 });
    return bytes;
  }

  /** Called by `releaseBytes`. */
  takeBack(bytes: Buffer): void {
    if (this.#free.length < this.#mostFree) this.#free.push(bytes);
  }
}

/** Whether the bytes may change once nobody holds them. */
export function areLent(view: Uint8Array): boolean {
  return lent.has(view.buffer);
}

/** How many hold the buffer that the bytes lie in; 0 for such as are not lent. */
export function holdersOf(view: Uint8Array): number {
  return lent.get(view.buffer)?.holders ?? 0;
}

/** Keeps the bytes as they are until `releaseBytes`. Nothing happens to bytes that are not lent. */
export function retainBytes(view: Uint8Array): void {
  const loan = lent.get(view.buffer);
  if (loan !== undefined) loan.holders += 1;
}

/** Ends one hold; the bytes must not be looked at afterwards. Nothing happens to bytes that are not lent. */
export function releaseBytes(view: Uint8Array): void {
  const loan = lent.get(view.buffer);
  if (loan === undefined) return;
  loan.holders -= 1;
  if (loan.holders > 0) return;
  lent.delete(view.buffer);
  loan.pool.takeBack(loan.bytes);
}
