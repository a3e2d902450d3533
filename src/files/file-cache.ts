import { createHash } from 'node:crypto';
import { type BigIntStats, constants, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsence } from './system-errors.js';

/** The content of a file at one time. */
export interface FileContent {
  readonly path: string;
  /** Belongs to the reader, which may overwrite it. */
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
}

interface CachedFile<T> {
  readonly stamps: string;
  readonly digest: string;
  readonly settled: boolean;
  readonly value: T;
}

/**
 * Time stamps of files advance in steps (a tick of the kernel; up to two seconds on some file
 * systems). A content that was read this soon after its last change may change again without a new
 * stamp, so the next call reads it again.
 */
export const settleMs = 2500;

const maxCachedFiles = 10_000;
const maxChunkBytes = 65_536;

/**
 * Reads files and caches the parsed content until they change. Without a change, a call costs one
 * stat(2). The next call sees a change: it compares device, inode, size, mode, and modification and
 * status time in nanoseconds.
 */
export class FileCache<T extends object> {
  readonly #parse: (content: FileContent) => T;
  readonly #maxBytes: number;
  readonly #files = new Map<string, CachedFile<T>>();

  /** `parse` must not throw for bad content. It receives at most `maxBytes + 1` bytes of a longer file. */
  constructor(maxBytes: number, parse: (content: FileContent) => T) {
    this.#parse = parse;
    this.#maxBytes = maxBytes;
  }

  /**
   * Returns the same object as long as the file does not change, and null if there is none. Throws
   * errors of the file system other than ENOENT and ENOTDIR unchanged.
   */
  async read(path: string): Promise<T | null> {
    try {
      const cached = this.#files.get(path);
      // A stat(2) takes less time than its way to another thread and back.
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) {
        this.#files.delete(path);
        // Takes as long as for an unchanged file: the time of a login must not reveal which users exist.
        stampsOf(statSync('/', { bigint: true }));
        return null;
      }
      if (cached?.settled === true && cached.stamps === stampsOf(stats)) return cached.value;
      return await this.#load(path, cached);
    } catch (error) {
      this.#files.delete(path);
      if (isAbsence(error)) return null;
      throw error;
    }
  }

  async #load(path: string, cached: CachedFile<T> | undefined): Promise<T> {
    // O_NONBLOCK: a FIFO in place of the file must not block the reader for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat({ bigint: true });
      const bytes = await readUpTo(handle, stats, this.#maxBytes + 1);
      const stamps = stampsOf(stats);
      const digest = createHash('sha256').update(bytes).digest('base64');
      const settled = Date.now() - Number(stats.ctimeMs) > settleMs;
      const unchanged = cached !== undefined && cached.stamps === stamps && cached.digest === digest;
      const value = unchanged
        ? cached.value
        : this.#parse({ path, bytes, mode: Number(stats.mode & 0o777n) });
      this.#remember(path, { stamps, digest, settled, value });
      return value;
    } finally {
      await handle.close();
    }
  }

  #remember(path: string, file: CachedFile<T>): void {
    this.#files.delete(path);
    this.#files.set(path, file);
    if (this.#files.size <= maxCachedFiles) return;
    for (const oldest of this.#files.keys()) {
      this.#files.delete(oldest);
      return;
    }
  }
}

/** Returns a text that changes whenever the file does, once its last change is older than `settleMs`. */
export function stampsOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mode}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

/** Returns the content or its first `limit` bytes. One read suffices for a regular file that does not grow meanwhile. */
async function readUpTo(handle: FileHandle, stats: BigIntStats, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  // The additional byte shows the end of the file.
  let wanted = Number(stats.size) + 1;
  while (total < limit) {
    const chunk = Buffer.alloc(Math.min(limit - total, wanted, maxChunkBytes));
    const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, null);
    if (bytesRead > 0) chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
    const isEnd = bytesRead === 0 || (stats.isFile() && bytesRead < chunk.byteLength);
    if (isEnd) break;
    wanted = maxChunkBytes;
  }
  const only = chunks[0];
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
