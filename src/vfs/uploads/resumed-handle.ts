import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';

/**
 * A broken upload that was opened without truncation. What the client means shows with its first write: behind the bytes that are
 * there it resumes, at the start it sends the file anew, as `scp` does. A client that only looks leaves it as it was.
 */
export class ResumedWriteHandle implements WriteHandle {
  readonly #shown: string;
  /** Where the client has to go on. */
  readonly #size: number;
  readonly #restart: (call: Call) => Promise<WriteHandle>;
  #handle: WriteHandle;
  /** Set with the first write: the handle that it goes to. */
  #chosen: Promise<WriteHandle> | null = null;

  /** `resumed` goes on; `restart` begins anew, and is called at most once, when `resumed` has been disposed. */
  constructor(shown: string, resumed: WriteHandle, restart: (call: Call) => Promise<WriteHandle>) {
    this.#shown = shown;
    this.#handle = resumed;
    this.#size = resumed.attributes().size;
    this.#restart = restart;
  }

  async write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#chosen ??= this.#choose(call, offset);
    await (await this.#chosen).write(call, offset, chunks);
  }

  async #choose(call: Call, offset: number): Promise<WriteHandle> {
    if (offset === this.#size) return this.#handle;
    if (offset === 0) return await this.#beginAnew(call);
    throw new Fault(
      'unsupported',
      `${this.#shown} has ${this.#size} bytes so far: it can be resumed there, or uploaded from the start`,
    );
  }

  async #beginAnew(call: Call): Promise<WriteHandle> {
    await this.#handle[Symbol.asyncDispose]();
    this.#handle = await this.#restart(call);
    return this.#handle;
  }

  attributes(): Attributes {
    return this.#handle.attributes();
  }

  async setAttributes(call: Call, change: AttributeChange): Promise<void> {
    if (this.#chosen === null && change.size === 0) this.#chosen = this.#beginAnew(call);
    await (await (this.#chosen ?? this.#handle)).setAttributes(call, change);
  }

  async commit(call: Call): Promise<void> {
    if (this.#chosen === null) await this[Symbol.asyncDispose]();
    else await (await this.#chosen).commit(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chosen?.catch(() => undefined);
    await this.#handle[Symbol.asyncDispose]();
  }
}
