import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type AlignedBlocks, alignedBlockBytes, directAlignment } from './aligned-blocks.js';
import { hasCode } from './system-errors.js';
import { writeFully } from './write-fully.js';

/** Max blocks of one file that are being written. */
const maxWriting = 4;

interface Block {
  readonly bytes: Uint8Array;
  missing: number;
}

/**
 * A new file of known size. Its bytes bypass the page cache (O_DIRECT) if the file system supports
 * that, and go through it otherwise. The cache costs a copy and a new page for every 4 KiB, and
 * fsync would wait for all of them at the end.
 */
export class DirectFile implements AsyncDisposable {
  readonly path: string;
  readonly #size: number;
  readonly #pool: AlignedBlocks;
  #handle: FileHandle;
  #isDirect: boolean;
  /** Incomplete blocks, by their index in the file. */
  readonly #blocks = new Map<number, Promise<Block>>();
  readonly #writing = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  #throughCache: Promise<void> | null = null;
  #isClosed = false;

  private constructor(
    path: string,
    size: number,
    pool: AlignedBlocks,
    handle: FileHandle,
    isDirect: boolean,
  ) {
    this.path = path;
    this.#size = size;
    this.#pool = pool;
    this.#handle = handle;
    this.#isDirect = isDirect;
  }

  /** Creates the file. Throws the errors of the file system, EEXIST included. */
  static async create(path: string, mode: number, size: number, pool: AlignedBlocks): Promise<DirectFile> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_DIRECT } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL;
    try {
      // Not every system has it.
      const direct = (O_DIRECT as number | undefined) ?? 0;
      return new DirectFile(path, size, pool, await open(path, flags | direct, mode), direct !== 0);
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error;
    }
    // Linux has created the file by the time it finds that its file system does not support
    // O_DIRECT.
    return new DirectFile(path, size, pool, await open(path, O_WRONLY | O_CREAT, mode), false);
  }

  get handle(): FileHandle {
    return this.#handle;
  }

  /** True while the page cache holds no part of it. */
  get isDirect(): boolean {
    return this.#isDirect;
  }

  /**
   * Writes bytes: each position once, in any order. Calls may overlap. When it resolves, the caller
   * may reuse the bytes, but not all of them are on the disk. Throws the error of the file system
   * for these or earlier bytes.
   */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      const index = Math.floor((position + at) / alignedBlockBytes);
      const offset = position + at - index * alignedBlockBytes;
      const count = Math.min(alignedBlockBytes - offset, bytes.byteLength - at);
      const block = await this.#block(index);
      block.bytes.set(bytes.subarray(at, at + count), offset);
      block.missing -= count;
      at += count;
      if (block.missing > 0) continue;
      this.#blocks.delete(index);
      await this.#send(index, block);
    }
  }

  /**
   * Resolves when every byte was passed to the disk. The caller must fsync. Throws the error of the
   * file system.
   */
  async finish(): Promise<void> {
    await Promise.all(this.#writing);
    this.#check();
    if (this.#size % directAlignment !== 0) await this.#handle.truncate(this.#size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all(this.#writing);
    for (const block of this.#blocks.values()) this.#pool.release((await block).bytes);
    this.#blocks.clear();
    await this.#handle.close();
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #block(index: number): Promise<Block> {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      const missing = this.#lengthOf(index);
      block = this.#pool.take().then((bytes) => ({ bytes, missing }));
      this.#blocks.set(index, block);
    }
    return block;
  }

  #lengthOf(index: number): number {
    return Math.min(alignedBlockBytes, this.#size - index * alignedBlockBytes);
  }

  async #send(index: number, { bytes }: Block): Promise<void> {
    while (this.#writing.size >= maxWriting) await Promise.race(this.#writing);
    const writing = this.#writeBlock(index, bytes)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#pool.release(bytes);
        this.#writing.delete(writing);
      });
    this.#writing.add(writing);
    this.#check();
  }

  async #writeBlock(index: number, bytes: Uint8Array): Promise<void> {
    const length = this.#lengthOf(index);
    const whole = Math.ceil(length / directAlignment) * directAlignment;
    bytes.fill(0, length, whole);
    const position = index * alignedBlockBytes;
    const direct = this.#isDirect ? this.#handle : null;
    try {
      await writeFully(this.#handle, bytes.subarray(0, whole), position);
    } catch (error) {
      if (direct === null || !hasCode(error, 'EINVAL')) throw error;
      this.#throughCache ??= this.#goThroughCache(direct);
      await this.#throughCache;
      await writeFully(this.#handle, bytes.subarray(0, whole), position);
    }
  }

  /** The file system accepts O_DIRECT at open, but requires a larger alignment at a write. */
  async #goThroughCache(direct: FileHandle): Promise<void> {
    this.#handle = await open(this.path, constants.O_WRONLY);
    this.#isDirect = false;
    await direct.close();
  }
}
