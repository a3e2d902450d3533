import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type AlignedBlocks, alignedBlockBytes, directAlignment } from './aligned-blocks.js';
import { hasCode } from './system-errors.js';
import { writeFully } from './write-fully.js';

/** Blocks of one file on their way to the disk at once. */
const maxWriting = 4;

interface Block {
  readonly bytes: Uint8Array;
  missing: number;
}

/**
 * A new file of known size whose bytes go to the disk past the page cache (O_DIRECT) where the file system can do that, else
 * through it. The cache costs a copy and the making of a page for every 4 KiB, and all of it waits for the disk at the end.
 */
export class DirectFile implements AsyncDisposable {
  readonly path: string;
  readonly #size: number;
  readonly #pool: AlignedBlocks;
  #handle: FileHandle;
  #isDirect: boolean;
  /** Not yet whole, by their place in the file. */
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

  /** Makes the file. Throws what the file system says, EEXIST too. */
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
    // Linux has made the file by the time it finds that its file system cannot do that.
    return new DirectFile(path, size, pool, await open(path, O_WRONLY | O_CREAT, mode), false);
  }

  get handle(): FileHandle {
    return this.#handle;
  }

  /** True while the page cache holds nothing of it. */
  get isDirect(): boolean {
    return this.#isDirect;
  }

  /**
   * Takes bytes, each position once, in any order; calls may overlap. The bytes are the caller's again when it resolves, and
   * not all on the disk by then. Throws what the file system said of these or earlier ones.
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

  /** Resolves when every byte was handed to the disk; fsync is the caller's. Throws what the file system said. */
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

  /** The file system lets files be opened so, and then wants more than we align to. */
  async #goThroughCache(direct: FileHandle): Promise<void> {
    this.#handle = await open(this.path, constants.O_WRONLY);
    this.#isDirect = false;
    await direct.close();
  }
}
