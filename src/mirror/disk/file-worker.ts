import { Worker } from 'node:worker_threads';
import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { FileStamp } from '../../model/mirror.js';
import type { FileOwner } from './file-owner.js';

/** A small file to be made. */
export interface SmallFile {
  readonly path: string;
  readonly pieces: readonly Uint8Array[];
  readonly mtimeSeconds: number;
  readonly mode: number;
  readonly owner: FileOwner | null;
}

interface Rename {
  readonly from: string;
  readonly to: string;
}

/** One request to the thread: the bytes of all files in a row, or renames. */
interface Task {
  readonly files: readonly {
    readonly path: string;
    readonly byteLength: number;
    readonly mtimeSeconds: number;
    readonly mode: number;
    readonly owner: FileOwner | null;
  }[];
  readonly bytes: Uint8Array;
  readonly renames: readonly Rename[];
}

/** For each file its stamp, for each rename null; or what the system said. */
interface Answer {
  readonly results: readonly (FileStamp | null | { readonly code: string; readonly message: string })[];
}

interface Pending {
  readonly file: SmallFile | null;
  readonly rename: Rename | null;
  resolve(stamp: FileStamp | null): void;
  reject(error: unknown): void;
}

const maxBatch = 128;

/**
 * Makes and renames small files on a thread of its own, with the system's plain calls, many for one message. A call through
 * Node's pool of threads costs more than what it calls, and a small file needs six of them.
 */
export class FileWorker implements AsyncDisposable {
  #worker: Worker | null = null;
  #queue: Pending[] = [];
  #running: readonly Pending[] = [];
  #isScheduled = false;
  #isClosed = false;

  /** Makes a new file with this content and time. What went wrong comes out as an error with the system's `code`; nothing stays then. */
  write(file: SmallFile): Promise<FileStamp> {
    return this.#enqueue(file, null).then((stamp) => stamp ?? { inode: 0, size: 0, mtimeMs: 0 });
  }

  /** As rename(2). */
  async rename(from: string, to: string): Promise<void> {
    await this.#enqueue(null, { from, to });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
    this.#fail(new Error('the thread for files was ended'));
  }

  #enqueue(file: SmallFile | null, rename: Rename | null): Promise<FileStamp | null> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ file, rename, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // What is asked for in the same turn goes together.
      setImmediate(() => this.#send());
    });
  }

  #send(): void {
    this.#isScheduled = false;
    if (this.#running.length > 0 || this.#queue.length === 0) return;
    if (this.#isClosed) {
      this.#fail(new Error('the thread for files was ended'));
      return;
    }
    const taken = this.#queue.splice(0, maxBatch);
    // The results come in this order.
    const batch = [
      ...taken.filter(({ file }) => file !== null),
      ...taken.filter(({ file }) => file === null),
    ];
    this.#running = batch;
    this.#worker ??= this.#start();
    this.#worker.ref();
    const task = taskOf(batch);
    this.#worker.postMessage(task, [task.bytes.buffer as ArrayBuffer]);
  }

  #start(): Worker {
    const worker = new Worker(`(${serve.toString()})()`, { eval: true, name: 'mirror files' });
    worker.on('message', (answer: Answer) => this.#answered(answer));
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = null;
      this.#fail(error);
    });
    return worker;
  }

  #answered({ results }: Answer): void {
    const batch = this.#running;
    this.#running = [];
    this.#worker?.unref();
    batch.forEach((pending, index) => {
      const result = results[index] ?? null;
      if (result !== null && 'code' in result) {
        pending.reject(Object.assign(new Error(result.message), { code: result.code }));
      } else pending.resolve(result);
    });
    this.#send();
  }

  #fail(error: unknown): void {
    const lost = [...this.#running, ...this.#queue];
    this.#running = [];
    this.#queue = [];
    for (const pending of lost) pending.reject(error);
  }
}

function taskOf(batch: readonly Pending[]): Task {
  let total = 0;
  for (const { file } of batch) for (const piece of file?.pieces ?? []) total += piece.byteLength;
  const bytes = new Uint8Array(total);
  const files: Task['files'][number][] = [];
  const renames: Rename[] = [];
  let position = 0;
  for (const { file, rename } of batch) {
    if (rename !== null) renames.push(rename);
    if (file === null) continue;
    const start = position;
    for (const piece of file.pieces) {
      bytes.set(piece, position);
      position += piece.byteLength;
      releaseBytes(piece);
    }
    const { path, mtimeSeconds, mode, owner } = file;
    files.push({ path, byteLength: position - start, mtimeSeconds, mode, owner });
  }
  return { files, bytes, renames };
}

/** What runs on the thread: it is sent there as text and knows nothing but what is in it. */
function serve(): void {
  const fs = process.getBuiltinModule('node:fs');
  const port = process.getBuiltinModule('node:worker_threads').parentPort;
  type Result = Answer['results'][number];
  const attempt = (work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException;
      return { code, message };
    }
  };
  const make = (file: Task['files'][number], bytes: Uint8Array): Result => {
    const descriptor = fs.openSync(file.path, 'wx', file.mode);
    try {
      if (file.owner !== null) fs.fchownSync(descriptor, file.owner.uid, file.owner.gid);
      for (let written = 0; written < bytes.byteLength; ) {
        written += fs.writeSync(descriptor, bytes, written, bytes.byteLength - written);
      }
      fs.futimesSync(descriptor, file.mtimeSeconds, file.mtimeSeconds);
      const { ino, size, mtimeMs } = fs.fstatSync(descriptor);
      return { inode: ino, size, mtimeMs };
    } catch (error) {
      fs.rmSync(file.path, { force: true });
      throw error;
    } finally {
      fs.closeSync(descriptor);
    }
  };
  port?.on('message', (task: Task) => {
    const results: Result[] = [];
    let position = 0;
    for (const file of task.files) {
      const bytes = task.bytes.subarray(position, position + file.byteLength);
      position += file.byteLength;
      results.push(attempt(() => make(file, bytes)));
    }
    for (const { from, to } of task.renames) {
      results.push(
        attempt(() => {
          fs.renameSync(from, to);
          return null;
        }),
      );
    }
    port.postMessage({ results } satisfies Answer);
  });
}
