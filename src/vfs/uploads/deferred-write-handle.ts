import type { Call } from '../../model/call.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';

/** The options for a file that was opened without truncation. */
export interface DeferredOpen {
  /** Current size of the file in bytes. */
  readonly size: number;
  /**
   * SSH_FXF_APPEND: the first write goes to the end of the file, whatever its offset, and later writes follow
   * it.
   */
  readonly append: boolean;
  /**
   * Returns the handle for a client whose first write has this offset: the given handle, or another after
   * disposing it.
   */
  choose(call: Call, offset: number): Promise<WriteHandle>;
  /** Closes the file of a client that has written nothing. */
  closeUnwritten(call: Call): Promise<void>;
}

/**
 * An existing file, complete or parked, that was opened without truncation. The first write shows what the
 * client wants. A write at the end continues the file; a write at the start replaces it, as `scp` does.
 */
export class DeferredWriteHandle implements WriteHandle {
  readonly #choice: DeferredOpen;
  #handle: WriteHandle;
  /** The handle that writes go to, chosen by the first write. */
  #chosen: Promise<WriteHandle> | null = null;
  /** Difference in bytes between the file offset and the client's offset. */
  #shift = 0;

  /** `handle` is the file as it is, until `choose` returns another. */
  constructor(handle: WriteHandle, choice: DeferredOpen) {
    this.#handle = handle;
    this.#choice = choice;
  }

  async write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#chosen === null) {
      const { append, size } = this.#choice;
      if (append) this.#shift = size - offset;
      this.#chosen = this.#choose(call, offset + this.#shift);
    }
    const at = offset + this.#shift;
    await (await this.#chosen).write(call, at, chunks);
  }

  async #choose(call: Call, offset: number): Promise<WriteHandle> {
    this.#handle = await this.#choice.choose(call, offset);
    return this.#handle;
  }

  attributes(): Attributes {
    return this.#handle.attributes();
  }

  async setAttributes(call: Call, change: AttributeChange): Promise<void> {
    if (change.size === 0) this.#chosen ??= this.#choose(call, 0);
    await (await (this.#chosen ?? this.#handle)).setAttributes(call, change);
  }

  async commit(call: Call): Promise<void> {
    if (this.#chosen === null) await this.#choice.closeUnwritten(call);
    else await (await this.#chosen).commit(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chosen?.catch(() => undefined);
    await this.#handle[Symbol.asyncDispose]();
  }
}
