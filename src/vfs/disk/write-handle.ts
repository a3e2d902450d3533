import type { FileHandle } from 'node:fs/promises';
import { syncDirectory } from '../../files/durable.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import { attributesOfOpen } from './attributes.js';
import { diskFault, errnoOf, withDiskFaults } from './faults.js';
import type { QuotaFile } from './quota.js';
import { readAt } from './read-handle.js';
import type { Located } from './root.js';
import type { SpaceReserve } from './space-reserve.js';
import { everything, WriteOrder } from './write-order.js';

/** How a file on disk is open. */
export interface DiskWriteOptions {
  /** The name is new, so its directory must be synced too. */
  readonly created: boolean;
  readonly appends: boolean;
  readonly reads: boolean;
  readonly shown: string;
  readonly reserve: SpaceReserve;
  /** The file's part of the quota; null without a quota. */
  readonly used: QuotaFile | null;
  /** Permission bits that a client may see and set. */
  readonly modeMask: number;
}

/**
 * A file on disk that is open for writing, and perhaps for reading. It is visible while it grows, and stays
 * as it is if the client disconnects. `commit` makes it durable.
 */
export class DiskWriteHandle implements WriteHandle {
  readonly #file: FileHandle;
  readonly #located: Located;
  readonly #options: DiskWriteOptions;
  readonly #order = new WriteOrder();
  /** Times set by the client, set again after the last write, which would change them. */
  #times: { readonly atimeSeconds: number; readonly mtimeSeconds: number } | null = null;
  #fault: Fault | null = null;
  #closed = false;

  /** Owns `file` and `located`. */
  constructor(file: FileHandle, located: Located, options: DiskWriteOptions) {
    this.#file = file;
    this.#located = located;
    this.#options = options;
  }

  async read(_call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    const { reads, shown } = this.#options;
    if (!reads) throw new Fault('denied', `${JSON.stringify(shown)} is not open for reading`);
    return await withDiskFaults(shown, () => readAt(this.#file, offset, length));
  }

  async write(_call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#attempt(async () => {
      // Node treats a negative position as the current position of the file.
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw new Fault('invalid', `${offset} is not a valid file offset`);
      const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      const span = this.#options.appends ? everything : { from: offset, to: offset + length };
      await this.#order.run(span, async () => {
        const { appends, reserve, shown, used } = this.#options;
        await reserve.require(shown, { bytes: length });
        await (appends ? used?.append(shown, length) : used?.extend(shown, offset + length));
        await this.#writeAt(offset, chunks);
      });
    });
  }

  async #writeAt(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    let position = offset;
    let rest = chunks;
    while (rest.length > 0) {
      // With O_APPEND the kernel ignores the position (open(2)).
      const { bytesWritten } = await this.#file.writev(rest as Uint8Array[], position);
      position += bytesWritten;
      rest = after(rest, bytesWritten);
    }
  }

  async attributes(): Promise<Attributes> {
    const { shown, modeMask } = this.#options;
    const current = await withDiskFaults(shown, () => attributesOfOpen(this.#file, modeMask));
    return { ...current, ...this.#times };
  }

  async setAttributes(_call: Call, change: AttributeChange): Promise<void> {
    await this.#attempt(async () => {
      const { size, mode } = change;
      if (size !== undefined) await this.#resize(size);
      if (mode !== undefined) await this.#file.chmod(mode & this.#options.modeMask);
      if (change.mtimeSeconds === undefined && change.atimeSeconds === undefined) return;
      const current = await attributesOfOpen(this.#file, this.#options.modeMask);
      this.#times = {
        atimeSeconds: change.atimeSeconds ?? current.atimeSeconds,
        mtimeSeconds: change.mtimeSeconds ?? current.mtimeSeconds,
      };
      await this.#applyTimes();
    });
  }

  async #resize(size: number): Promise<void> {
    const { shown, used } = this.#options;
    await used?.extend(shown, size);
    await this.#file.truncate(size);
    used?.shortened(size);
  }

  async sync(_call: Call): Promise<void> {
    await this.#attempt(() => this.#file.sync());
  }

  async commit(_call: Call): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    await this.#attempt(async () => {
      await this.#applyTimes();
      await this.#file.sync();
      if (this.#options.created) await syncIfReadable(this.#located.directoryPath);
      await this[Symbol.asyncDispose]();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { used } = this.#options;
    await used?.close(async () => (await this.#file.stat().catch(() => null))?.size ?? null);
    await this.#file.close();
    await this.#located[Symbol.asyncDispose]();
  }

  async #applyTimes(): Promise<void> {
    if (this.#times === null) return;
    await this.#file.utimes(this.#times.atimeSeconds, this.#times.mtimeSeconds);
  }

  async #attempt(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      this.#fault ??= diskFault(error, this.#options.shown);
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
