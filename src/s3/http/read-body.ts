import { Fault } from '../../model/fault.js';
import { SlabReadable } from './get-pool.js';
import type { SlabBody } from './slab-body.js';

/**
 * Returns the bytes of a response, in pieces as they arrive; each belongs to the reader. Throws `unavailable`
 * when the connection breaks before the end, `timed-out` when it falls silent, `cancelled` when the call's
 * signal aborts. Leaving the loop early closes the connection.
 */
export function bodyBytes(body: unknown, expectedBytes: number): AsyncIterable<Uint8Array> {
  if (!(body instanceof SlabReadable))
    throw new Fault('bug', 'the transport returned a body that cannot be read');
  return new FaultingBytes(body.slabs, expectedBytes);
}

/** Closes the connection of a body that will not be read. */
export function closeBody(body: unknown): void {
  if (body instanceof SlabReadable) body.destroy();
}

/** Turns the transport's errors into faults. A generator would cost one more promise for each piece. */
class FaultingBytes implements AsyncIterableIterator<Uint8Array> {
  readonly #slabs: SlabBody;
  readonly #expectedBytes: number;
  #received = 0;

  constructor(slabs: SlabBody, expectedBytes: number) {
    this.#slabs = slabs;
    this.#expectedBytes = expectedBytes;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const result = await this.#slabs.next();
      if (!result.done) this.#received += result.value.byteLength;
      return result;
    } catch (error) {
      throw this.#fault(error);
    }
  }

  #fault(error: unknown): Fault {
    const name = error instanceof Error ? error.name : '';
    const after = `after ${this.#received} of ${this.#expectedBytes} bytes`;
    if (name === 'AbortError') return new Fault('cancelled', 'the request was cancelled', { cause: error });
    if (name === 'TimeoutError') return new Fault('timed-out', `S3 fell silent ${after}`, { cause: error });
    return new Fault('unavailable', `the connection to S3 broke ${after}`, { cause: error });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#slabs.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
