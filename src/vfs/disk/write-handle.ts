import type { FileHandle } from 'node:fs/promises';
import { syncDirectory } from '../../files/durable.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import { diskFault, errnoOf } from './faults.js';
import type { Located } from './root.js';
import type { SpaceReserve } from './space-reserve.js';

/**
 * A file on disk that is open for writing. It is visible while it grows, and stays as it is if the client
 * disconnects. `commit` makes it durable.
 */
export class DiskWriteHandle implements WriteHandle {
  readonly #file: FileHandle;
  readonly #located: Located;
  readonly #created: boolean;
  readonly #appends: boolean;
  readonly #shown: string;
  readonly #reserve: SpaceReserve;
  #attributes: Attributes;
  /** Times set by the client, set again after the last write, which would change them. */
  #times: { readonly atimeSeconds: number; readonly mtimeSeconds: number } | null = null;
  #fault: Fault | null = null;
  #closed = false;

  /** Owns `file` and `located`. `created` means that the name is new, so its directory must be synced too. */
  constructor(
    file: FileHandle,
    located: Located,
    options: {
      created: boolean;
      appends: boolean;
      shown: string;
      reserve: SpaceReserve;
      attributes: Attributes;
    },
  ) {
    this.#file = file;
    this.#located = located;
    this.#created = options.created;
    this.#appends = options.appends;
    this.#shown = options.shown;
    this.#reserve = options.reserve;
    this.#attributes = options.attributes;
  }

  async write(_call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#attempt(async () => {
      // Node treats a negative position as the current position of the file.
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw new Fault('invalid', `${offset} is not a valid file offset`);
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      await this.#reserve.require(this.#shown, { bytes });
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

/** Returns the chunks without their first `bytes` bytes. write(2) may write fewer bytes than requested. */
function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.byteLength) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.byteLength;
  }
  return [];
}

/**
 * Syncs a directory if its user left it readable. Otherwise the file's content is durable, and its name
 * becomes durable a moment later.
 */
async function syncIfReadable(directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
  }
}
