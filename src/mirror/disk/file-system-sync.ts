import { open } from 'node:fs/promises';
import { SyncHelper } from './sync-helper.js';

/** From so many on, the file system as a whole is synced: syncfs(2) costs less than so many times fsync(2). */
const manyPaths = 16;
const parallel = 16;

/** Makes what was written survive a power loss. Disposed, its helper processes end. */
export class FileSystemSync {
  readonly #groups = new SyncHelper();
  /** Of its own: a large file takes a while, and groups of small ones should not wait for it. */
  readonly #large = new SyncHelper();

  /**
   * Syncs these files, or what was renamed in these directories. They are on the file system of `directory`. Errors of the
   * file system come out as they are.
   */
  async paths(paths: readonly string[], directory: string): Promise<void> {
    if (paths.length >= manyPaths && (await this.#groups.sync('file-system', directory))) return;
    let next = 0;
    const work = async (): Promise<void> => {
      for (let path = paths[next++]; path !== undefined; path = paths[next++]) await syncPath(path);
    };
    await Promise.all(Array.from({ length: Math.min(parallel, paths.length) }, work));
  }

  /** Syncs a finished file that takes a while. Errors of the file system come out as they are. */
  async large(path: string): Promise<void> {
    if (!(await this.#large.sync('file', path))) await syncPath(path);
  }

  /**
   * Has what is written of a file so far brought to the disk, so that less is left when it is finished. Resolves when that is done;
   * trouble is found at the end.
   */
  async early(path: string): Promise<void> {
    await this.#large.sync('data', path);
  }

  [Symbol.dispose](): void {
    this.#groups[Symbol.dispose]();
    this.#large[Symbol.dispose]();
  }
}

/** fsync(2) of one file or directory. */
async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
