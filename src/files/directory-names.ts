import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { settleMs, stampsOf } from './file-cache.js';

const maxCachedDirectories = 10_000;

interface CachedNames {
  readonly stamps: string;
  readonly names: readonly string[];
}

/**
 * Lists directories and keeps the names until they change. Without a change, a call costs one stat(2). A directory that
 * changed a moment ago is listed again, because its time stamps advance in steps (see `FileCache`).
 */
export class DirectoryNames {
  readonly #directories = new Map<string, CachedNames>();

  /** Returns the names in the directory. Throws errors of the file system unchanged. */
  async read(directory: string): Promise<readonly string[]> {
    const stats = statSync(directory, { bigint: true });
    const stamps = stampsOf(stats);
    const cached = this.#directories.get(directory);
    if (cached?.stamps === stamps) return cached.names;
    this.#directories.delete(directory);
    const names = await readdir(directory);
    // A change during the listing changes the stamps, so that the next call lists again.
    if (Date.now() - Number(stats.ctimeMs) > settleMs) this.#keep(directory, { stamps, names });
    return names;
  }

  #keep(directory: string, names: CachedNames): void {
    if (this.#directories.size >= maxCachedDirectories) this.#directories.clear();
    this.#directories.set(directory, names);
  }
}
