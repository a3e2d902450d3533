import { DiskWorker } from './disk-worker.js';

/** Makes written files and renames survive a power loss, on disk threads. Disposing it ends the threads. */
export class FileSystemSync implements AsyncDisposable {
  readonly #groups = new DiskWorker('mirror sync');
  /** A large file takes longer, and groups of small files must not wait for it. */
  readonly #large = new DiskWorker('mirror large sync');

  /** Syncs files, and directories in which something was renamed. Throws an error with the system's `code`. */
  async paths(paths: readonly string[]): Promise<void> {
    if (paths.length > 0) await sync(this.#groups, paths, false);
  }

  /** Syncs one large file. Throws an error with the system's `code`. */
  async large(path: string): Promise<void> {
    await sync(this.#large, [path], false);
  }

  /** Starts to write a file to disk before it is complete, so that less remains for its end, which reports any error. */
  async early(path: string): Promise<void> {
    await sync(this.#large, [path], true).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#groups[Symbol.asyncDispose](), this.#large[Symbol.asyncDispose]()]);
  }
}

async function sync(worker: DiskWorker, paths: readonly string[], dataOnly: boolean): Promise<void> {
  const failure = await worker.run({ kind: 'sync', paths, dataOnly });
  if (failure !== null) throw Object.assign(new Error(failure.message), { code: failure.code });
}
