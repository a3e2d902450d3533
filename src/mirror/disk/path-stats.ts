import type { FileStamp } from '../../model/mirror.js';
import { numbersPerStat, type StatAnswer, statKinds } from './disk-tasks.js';
import type { DiskWorker } from './disk-worker.js';

/** Result of lstat(2): `stamp` is set for a file, null for everything else. */
export interface PathStat {
  readonly isDirectory: boolean;
  readonly stamp: FileStamp | null;
}

/** Reads the state of many files on a disk thread. */
export class PathStats {
  readonly #worker: DiskWorker;

  constructor(worker: DiskWorker) {
    this.#worker = worker;
  }

  /** Returns one result per path below `root`. A path that cannot be read is neither a file nor a directory. */
  async stat(root: string, paths: readonly string[]): Promise<readonly PathStat[]> {
    if (paths.length === 0) return [];
    const numbers = await this.#worker.run({ kind: 'stat', root, paths: paths.join('\0') });
    return paths.map((_, index) => statOf(numbers, index * numbersPerStat));
  }
}

function statOf(numbers: StatAnswer, at: number): PathStat {
  const [kind, inode = 0, size = 0, mtimeMs = 0] = numbers.subarray(at, at + numbersPerStat);
  const stamp = kind === statKinds.file ? { inode, size, mtimeMs } : null;
  return { isDirectory: kind === statKinds.directory, stamp };
}
