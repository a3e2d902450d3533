import type { Call } from '../../model/call.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';

/** What a file that was opened without truncation can become. */
export interface Choice {
  /** The file as it is, in bytes. */
  readonly size: number;
  /** SSH_FXF_APPEND: the first write goes to the end, wherever the client places it, and the others behind it. */
  readonly append: boolean;
  /** The handle for a client whose first write is at this offset: the given one, or another when that has been disposed. */
  choose(call: Call, offset: number): Promise<WriteHandle>;
  /** The end of a client that has written nothing. */
  untouched(call: Call): Promise<void>;
}

/**
 * A file that is there, whole or in part, and was opened without truncation. What the client means shows with its first write only: at
 * the end it goes on, at the start it sends the file anew, as `scp` does.
 */
export class ChoosingWriteHandle implements WriteHandle {
  readonly #choice: Choice;
  #handle: WriteHandle;
  /** Set with the first write: the handle that it goes to. */
  #chosen: Promise<WriteHandle> | null = null;
  /** What lies between where the client writes and where it belongs. */
  #shift = 0;

  /** `handle` is the file as it is, until another is chosen. */
  constructor(handle: WriteHandle, choice: Choice) {
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
    if (this.#chosen === null) await this.#choice.untouched(call);
    else await (await this.#chosen).commit(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chosen?.catch(() => undefined);
    await this.#handle[Symbol.asyncDispose]();
  }
}
