import type { SlabPool } from '../../transport/layer.js';

/** A slab pool that counts the holders of each buffer, and fills a buffer without holders with zeros: a view of it is then wrong. */
export class CountingSlabs implements SlabPool {
  readonly #holders = new Map<ArrayBufferLike, number>();

  /** Buffers that are held. */
  get heldCount(): number {
    return this.#holders.size;
  }

  /** Bytes of the buffers that are held. */
  get heldBytes(): number {
    let bytes = 0;
    for (const buffer of this.#holders.keys()) bytes += buffer.byteLength;
    return bytes;
  }

  lend(minBytes: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(minBytes);
    this.#holders.set(bytes.buffer, 1);
    return bytes;
  }

  retain(view: Uint8Array): void {
    const holders = this.#holders.get(view.buffer);
    if (holders !== undefined) this.#holders.set(view.buffer, holders + 1);
  }

  release(view: Uint8Array): void {
    const holders = this.#holders.get(view.buffer);
    if (holders === undefined) return;
    if (holders > 1) {
      this.#holders.set(view.buffer, holders - 1);
      return;
    }
    this.#holders.delete(view.buffer);
    new Uint8Array(view.buffer).fill(0);
  }

  holders(view: Uint8Array): number {
    return this.#holders.get(view.buffer) ?? 0;
  }
}
