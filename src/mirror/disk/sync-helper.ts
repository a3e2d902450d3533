import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What `sync` (coreutils, busybox) does to a path: syncfs(2), fsync(2) or fdatasync(2). */
export type SyncKind = 'file-system' | 'file' | 'data';

const letters: Readonly<Record<SyncKind, string>> = { 'file-system': 'f', file: 'a', data: 'd' };

/**
 * A shell that stays: starting a process takes 20 ms of a large one's time, and 1 ms of a small one's. Requests come as lines,
 * a letter and a path; ours have no line breaks.
 */
const shellLoop = `while IFS= read -r line; do
path="\${line#?}"
case "$line" in f*) sync -f "$path" ;; d*) sync -d "$path" ;; *) sync "$path" ;; esac
if [ $? = 0 ]; then echo yes; else echo no; fi
done`;

/**
 * Has files synced by another process, one after the other: the few threads that Node has for files would all be waiting
 * for the disk while bytes come in. Disposed, the process ends; it ends by itself too when this one does.
 */
export class SyncHelper {
  #shell: ChildProcessWithoutNullStreams | null = null;
  readonly #waiting: ((isDone: boolean) => void)[] = [];
  /** False once it turned out that there is no such command. */
  #isUsable = process.platform === 'linux';

  /** False when it could not be done here: it has to be done otherwise, and that finds what is wrong. */
  async sync(kind: SyncKind, path: string): Promise<boolean> {
    if (!this.#isUsable || path.includes('\n')) return false;
    const isDone = await new Promise<boolean>((resolve) => {
      this.#shell ??= this.#start();
      this.#waiting.push(resolve);
      this.#shell.stdin.write(`${letters[kind]}${path}\n`);
    });
    if (!isDone) this.#isUsable = false;
    return isDone;
  }

  [Symbol.dispose](): void {
    this.#shell?.stdin.end();
    this.#shell?.kill();
    this.#ended();
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
