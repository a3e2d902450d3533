import type { Call } from '../../model/call.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';

/** A file that is open for writing, and a check that must pass again before it is stored. */
export class GuardedWriteHandle implements WriteHandle {
  readonly #handle: WriteHandle;
  readonly #check: (call: Call) => Promise<void>;

  constructor(handle: WriteHandle, check: (call: Call) => Promise<void>) {
    this.#handle = handle;
    this.#check = check;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#handle.read(call, offset, length);
  }

  write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#handle.write(call, offset, chunks);
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.#handle.attributes();
  }

  setAttributes(call: Call, change: AttributeChange): Promise<void> {
    return this.#handle.setAttributes(call, change);
  }

  sync(call: Call): Promise<void> {
    return this.#handle.sync(call);
  }

  async commit(call: Call): Promise<void> {
    await this.#check(call);
    await this.#handle.commit(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle[Symbol.asyncDispose]();
  }
}
