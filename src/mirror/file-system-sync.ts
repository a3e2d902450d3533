import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** From so many on, the file system as a whole is synced: syncfs(2) costs less than so many times fsync(2). */
const manyPaths = 16;
const parallel = 16;

/**
 * `sync -f` (coreutils, busybox) is how syncfs(2) is reached from here. A shell that stays is asked for it: starting a process
 * takes 20 ms of a large one's time, and 1 ms of a small one's. Paths come as lines; ours have no line breaks.
 */
const shellLoop = 'while IFS= read -r path; do if sync -f "$path"; then echo yes; else echo no; fi; done';

/**
 * Makes what was written survive a power loss, many files at a time. Disposed, its helper process ends; it ends by itself too
 * when this process does.
 */
export class FileSystemSync {
  #shell: ChildProcessWithoutNullStreams | null = null;
  readonly #waiting: ((isDone: boolean) => void)[] = [];
  /** False once it turned out that there is no such command, or a path has a line break. */
  #isUsable = process.platform === 'linux';

  /**
   * Syncs these files, or what was renamed in these directories. They are on the file system of `directory`. Errors of the
   * file system come out as they are.
   */
  async paths(paths: readonly string[], directory: string): Promise<void> {
    if (paths.length >= manyPaths && this.#isUsable && !directory.includes('\n')) {
      if (await this.#whole(directory)) return;
      // Not there, or a failure that is found again below, path by path.
      this.#isUsable = false;
    }
    let next = 0;
    const work = async (): Promise<void> => {
      for (let path = paths[next++]; path !== undefined; path = paths[next++]) await syncPath(path);
    };
    await Promise.all(Array.from({ length: Math.min(parallel, paths.length) }, work));
  }

  [Symbol.dispose](): void {
    this.#shell?.stdin.end();
    this.#shell?.kill();
    this.#ended();
  }

  #whole(directory: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.#shell ??= this.#start();
      this.#waiting.push(resolve);
      this.#shell.stdin.write(`${directory}\n`);
    });
  }

  #start(): ChildProcessWithoutNullStreams {
    const shell = spawn('/bin/sh', ['-c', shellLoop], { stdio: ['pipe', 'pipe', 'pipe'] });
    shell.stderr.resume();
    shell.stdin.on('error', () => undefined);
    shell.on('error', () => this.#ended());
    shell.on('exit', () => this.#ended());
    createInterface({ input: shell.stdout }).on('line', (line) => this.#waiting.shift()?.(line === 'yes'));
    return shell;
  }

  #ended(): void {
    this.#shell = null;
    for (const resolve of this.#waiting.splice(0)) resolve(false);
  }
}

/** fsync(2) of one file or directory. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
