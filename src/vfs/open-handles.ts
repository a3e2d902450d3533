import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { AttributeChange, Attributes, ReadHandle, WriteHandle } from '../model/vfs.js';

/** The open handles of a session, so that its end closes all of them. */
export class OpenHandles implements AsyncDisposable {
  readonly #handles = new Set<AsyncDisposable>();

  reading(handle: ReadHandle): ReadHandle {
    const tracked = new TrackedRead(handle, this.#handles);
    this.#handles.add(tracked);
    return tracked;
  }

  writing(handle: WriteHandle): WriteHandle {
    const tracked = new TrackedWrite(handle, this.#handles);
    this.#handles.add(tracked);
    return tracked;
  }

  /**
   * Disposes all handles: parks or aborts uploads and closes files on disk. Tries all of them, then throws
   * the first fault.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const ends = await Promise.allSettled([...this.#handles].map((handle) => handle[Symbol.asyncDispose]()));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw Fault.from(failed.reason);
  }
}

class TrackedRead implements ReadHandle {
  readonly #handle: ReadHandle;
  readonly #among: Set<AsyncDisposable>;

  constructor(handle: ReadHandle, among: Set<AsyncDisposable>) {
    this.#handle = handle;
    this.#among = among;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#handle.read(call, offset, length);
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.#handle.attributes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#among.delete(this);
    await this.#handle[Symbol.asyncDispose]();
  }
}

class TrackedWrite implements WriteHandle {
  readonly #handle: WriteHandle;
  readonly #among: Set<AsyncDisposable>;
  /** The fault of the first write that failed. */
  #fault: Fault | null = null;

  constructor(handle: WriteHandle, among: Set<AsyncDisposable>) {
    this.#handle = handle;
    this.#among = among;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#handle.read(call, offset, length);
  }

  /** Throws the fault of an earlier write: those bytes are not durable, and will not be. */
  async sync(call: Call): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    await this.#handle.sync(call);
  }

  async write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#handle.write(call, offset, chunks);
    } catch (error) {
      this.#fault ??= Fault.from(error);
      throw error;
    }
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.#handle.attributes();
  }

  setAttributes(call: Call, change: AttributeChange): Promise<void> {
    return this.#handle.setAttributes(call, change);
  }

  commit(call: Call): Promise<void> {
    return this.#handle.commit(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#among.delete(this);
    await this.#handle[Symbol.asyncDispose]();
  }
}
