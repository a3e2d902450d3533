import type { SlabPool } from '@sftpgw/ssh';
import { BufferPool, holdersOf, releaseBytes, retainBytes } from '../bytes/buffer-pool.js';

const slabBytes = 256 * 1024;
/** Max unused slabs that are kept, over all connections. */
const maxFreeSlabs = 32;

/**
 * Lends receive buffers to the SSH server. They are lent buffers of bytes/buffer-pool.ts: the data of a
 * request reaches S3 as views of them, and lent pieces of a reply are released once they are sent.
 */
export class SshSlabs implements SlabPool {
  readonly #pool = new BufferPool(slabBytes, maxFreeSlabs);

  lend(minBytes: number): Buffer {
    return minBytes <= slabBytes ? this.#pool.lend() : new BufferPool(minBytes, 0).lend();
  }

  retain(view: Uint8Array): void {
    retainBytes(view);
  }

  release(view: Uint8Array): void {
    releaseBytes(view);
  }

  holders(view: Uint8Array): number {
    return holdersOf(view);
  }
}
