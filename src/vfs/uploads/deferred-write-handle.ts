import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteMode } from '../../model/vfs.js';
import type { UploadHandle } from './opened-upload.js';

/** The options for a file that was opened without truncation. */
export interface DeferredOpen {
  /**
   * Returns the handle for a client whose first write has this offset: the given handle, or another after
   * disposing it.
   */
  choose(call: Call, offset: number): Promise<UploadHandle>;
  /** Closes the file of a client that has written nothing. */
  closeUnwritten(call: Call): Promise<void>;
}

/**
 * An existing file, complete or parked, that was opened without truncation. The first write shows what the
 * client wants. A write at the end continues the file; a write at the start replaces it, as `scp` does.
 */
export class DeferredWriteHandle implements UploadHandle {
  readonly #choice: DeferredOpen;
  #handle: UploadHandle;
  /** The handle that writes go to, chosen by the first write. */
  #chosen: Promise<UploadHandle> | null = null;

  /** `handle` is the file as it is, until `choose` returns another. */
  constructor(handle: UploadHandle, choice: DeferredOpen) {
    this.#handle = handle;
    this.#choice = choice;
  }

  async write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#chosen ??= this.#choose(call, offset);
    await (await this.#chosen).write(call, offset, chunks);
  }

  async #choose(call: Call, offset: number): Promise<UploadHandle> {
    this.#handle = await this.#choice.choose(call, offset);
    return this.#handle;
  }

  get isUntouched(): boolean {
    return this.#chosen === null && this.#handle.isUntouched;
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

/**
 * Guards a new file whose bytes another session is still sending. A client that continues behind them has reconnected
 * before the gateway noticed the end of its old connection. Its file would begin with zeros, so its write is refused
 * with `conflict`.
 */
export function withoutHole(
  handle: UploadHandle,
  { create }: Pick<WriteMode, 'create'>,
  shown: string,
): UploadHandle {
  const refused = () => new Fault('conflict', `${shown} is still being uploaded: resume it later`);
  return new DeferredWriteHandle(handle, {
    choose: async (_, offset) => {
      if (offset > 0) throw refused();
      return handle;
    },
    closeUnwritten: async (call) => {
      if (!create) throw refused();
      await handle.commit(call);
    },
  });
}
