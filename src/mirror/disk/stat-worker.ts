import { Worker } from 'node:worker_threads';
import type { FileStamp } from '../../model/mirror.js';

/** What lstat(2) says of a path: `stamp` is a file's; null for everything else. */
export interface PathStat {
  readonly isDirectory: boolean;
  readonly stamp: FileStamp | null;
}

interface Task {
  readonly root: string;
  /** Below the root, with a zero byte between two, which no path can have. */
  readonly paths: string;
}

interface Pending {
  readonly task: Task;
  resolve(numbers: Float64Array): void;
  reject(error: Error): void;
}

/** What the thread answers for each path: what it is, inode, size, time. */
const numbersPerPath = 4;
const aFile = 1;
const aDirectory = 2;

/**
 * Looks at many files on a thread of its own, with the system's plain call: a call through Node's pool of threads costs the
 * main thread several times what the look costs. The thread starts with the first look.
 */
export class StatWorker implements AsyncDisposable {
  #worker: Worker | null = null;
  /** In the order of their messages. */
  readonly #pending: Pending[] = [];
  #isClosed = false;

  /** Looks at these paths below `root`. What cannot be looked at is neither a file nor a directory. */
  async stat(root: string, paths: readonly string[]): Promise<readonly PathStat[]> {
    if (paths.length === 0) return [];
    const numbers = await this.#ask({ root, paths: paths.join('\0') });
    return paths.map((_, index) => statOf(numbers, index * numbersPerPath));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
    this.#fail(ended());
  }

  #ask(task: Task): Promise<Float64Array> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(ended());
        return;
      }
      this.#pending.push({ task, resolve, reject });
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage(task);
    });
  }

  #start(): Worker {
    const worker = new Worker(`(${serve.toString()})()`, { eval: true, name: 'mirror looks' });
    worker.on('message', (numbers: Float64Array) => {
      this.#pending.shift()?.resolve(numbers);
      if (this.#pending.length === 0) worker.unref();
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = null;
      this.#fail(error);
    });
    return worker;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }
}

function statOf(numbers: Float64Array, at: number): PathStat {
  const [kind, inode = 0, size = 0, mtimeMs = 0] = numbers.subarray(at, at + numbersPerPath);
  return { isDirectory: kind === aDirectory, stamp: kind === aFile ? { inode, size, mtimeMs } : null };
}

function ended(): Error {
  return new Error('the thread that looks at files was ended');
}

/** What runs on the thread: it is sent there as text and knows nothing but what is in it. */
function serve(): void {
  const { lstatSync } = process.getBuiltinModule('node:fs');
  const port = process.getBuiltinModule('node:worker_threads').parentPort;
  port?.on('message', ({ root, paths }: Task) => {
    const names = paths.split('\0');
    const numbers = new Float64Array(4 * names.length);
    names.forEach((name, index) => {
      try {
        const stats = lstatSync(`${root}/${name}`, { throwIfNoEntry: false });
        if (stats === undefined) return;
        const kind = stats.isFile() ? 1 : stats.isDirectory() ? 2 : 0;
        numbers.set([kind, stats.ino, stats.size, stats.mtimeMs], 4 * index);
      } catch {
        // A name in the way of a directory, too many links: whatever it is, it is not what was put there.
      }
    });
    port.postMessage(numbers, [numbers.buffer]);
  });
}
