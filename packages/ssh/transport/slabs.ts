import type { SlabPool } from './layer.js';

const slabBytes = 256 * 1024;

interface Loan {
  readonly slab: Buffer;
  holders: number;
}

/** Lends slabs of 256 KiB and reuses them. Larger ones are allocated each time. */
export class ReusingSlabPool implements SlabPool {
  readonly #loans = new WeakMap<ArrayBufferLike, Loan>();
  readonly #free: Buffer[] = [];
  readonly #maxFree: number;

  /** `maxFree` bounds the slabs that are kept while nothing uses them. */
  constructor(maxFree = 32) {
    this.#maxFree = maxFree;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  lend(minBytes: number): Buffer {
    const reused = minBytes <= slabBytes ? this.#free.pop() : undefined;
    const slab = reused ?? Buffer.allocUnsafeSlow(Math.max(minBytes, slabBytes));
    this.#loans.set(slab.buffer, { slab, holders: 1 });
    return slab;
  }

  retain(view: Uint8Array): void {
    const loan = this.#loans.get(view.buffer);
    if (loan !== undefined) loan.holders += 1;
  }

  release(view: Uint8Array): void {
    const loan = this.#loans.get(view.buffer);
    if (loan === undefined) return;
    loan.holders -= 1;
    if (loan.holders > 0) return;
    this.#loans.delete(view.buffer);
    if (loan.slab.byteLength === slabBytes && this.#free.length < this.#maxFree) this.#free.push(loan.slab);
  }

  holders(view: Uint8Array): number {
    return this.#loans.get(view.buffer)?.holders ?? 0;
  }
}

/** The default pool, shared by all connections without another. */
export const defaultSlabs: SlabPool = new ReusingSlabPool();
