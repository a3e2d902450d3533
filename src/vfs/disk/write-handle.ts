import type { FileHandle } from 'node:fs/promises';
import { syncDirectory } from '../../files/durable.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import { diskFault, errnoOf } from './faults.js';
import type { Located } from './root.js';

/**
 * A file on disk being written: an ordinary one, seen by others while it grows, and left as it is when the client goes
 * away. `commit` makes it durable.
 */
export class DiskWriteHandle implements WriteHandle {
  readonly #file: FileHandle;
  readonly #located: Located;
  readonly #created: boolean;
  readonly #appends: boolean;
  readonly #shown: string;
  #attributes: Attributes;
  /** Set by the client: restored after the last write, which would otherwise leave the time of day. */
  #times: { readonly atimeSeconds: number; readonly mtimeSeconds: number } | null = null;
  #fault: Fault | null = null;
  #closed = false;

  /** Owns `file` and `located`. `created`: the name is new, and its directory has to be synced too. */
  constructor(
    file: FileHandle,
    located: Located,
    options: { created: boolean; appends: boolean; shown: string; attributes: Attributes },
  ) {
    this.#file = file;
    this.#located = located;
    this.#created = options.created;
    this.#appends = options.appends;
    this.#shown = options.shown;
    this.#attributes = options.attributes;
  }

  async write(_call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#attempt(async () => {
      // Node takes a negative position for "wherever the file is just now".
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw new Fault('invalid', `${offset} is no offset in a file`);
      let position = offset;
      let rest = chunks;
      while (rest.length > 0) {
        // With O_APPEND the kernel ignores the position (open(2)).
        const { bytesWritten } = await this.#file.writev(rest as Uint8Array[], position);
        position += bytesWritten;
        rest = after(rest, bytesWritten);
      }
      const end = this.#appends ? (await this.#file.stat()).size : position;
      if (end > this.#attributes.size) this.#attributes = { ...this.#attributes, size: end };
    });
  }

  attributes(): Attributes {
    return this.#attributes;
  }

  async setAttributes(_call: Call, change: AttributeChange): Promise<void> {
    await this.#attempt(async () => {
      const { size, mode } = change;
      if (size !== undefined) {
        await this.#file.truncate(size);
        this.#attributes = { ...this.#attributes, size };
      }
      if (mode !== undefined) {
        await this.#file.chmod(mode & 0o777);
        this.#attributes = { ...this.#attributes, mode: mode & 0o777 };
      }
      if (change.mtimeSeconds === undefined && change.atimeSeconds === undefined) return;
      this.#times = {
        atimeSeconds: change.atimeSeconds ?? this.#attributes.atimeSeconds,
        mtimeSeconds: change.mtimeSeconds ?? this.#attributes.mtimeSeconds,
      };
      await this.#applyTimes();
    });
  }

  async commit(_call: Call): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    await this.#attempt(async () => {
      await this.#applyTimes();
      await this.#file.sync();
      if (this.#created) await syncIfReadable(this.#located.directoryPath);
      await this[Symbol.asyncDispose]();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
    await this.#located[Symbol.asyncDispose]();
  }

  async #applyTimes(): Promise<void> {
    if (this.#times === null) return;
    await this.#file.utimes(this.#times.atimeSeconds, this.#times.mtimeSeconds);
    this.#attributes = { ...this.#attributes, ...this.#times };
  }

  async #attempt(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      this.#fault ??= diskFault(error, this.#shown);
      throw this.#fault;
    }
  }
}

/** The chunks without their first bytes: a write may take fewer than it was given (write(2)). */
function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.byteLength) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.byteLength;
  }
  return [];
}

/** A user may have taken the right to read from a directory; the file in it is durable all the same, its name a moment later. */
async function syncIfReadable(directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
  }
}
