import { AlignedBlocks } from '../../files/aligned-blocks.js';
import { DiskWorker } from './disk-worker.js';
import { FileSystemSync } from './file-system-sync.js';
import { PathStats } from './path-stats.js';
import { SmallFiles } from './small-files.js';

/** Disk access that all mirrored directories share. Disposing it ends its threads. */
export class DiskTools implements AsyncDisposable {
  readonly #worker = new DiskWorker('mirror files');
  readonly files = new SmallFiles(this.#worker);
  readonly stats = new PathStats(this.#worker);
  readonly sync = new FileSystemSync();
  /** 32 MiB for all mirrors: enough for the large files that are fetched at a time (object-fetches.ts). */
  readonly blocks = new AlignedBlocks(32);

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#worker[Symbol.asyncDispose](), this.sync[Symbol.asyncDispose]()]);
  }
}
