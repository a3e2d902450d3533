import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { FileStamp } from '../../model/mirror.js';
import type { FilesTask, NewFile, Rename } from './disk-tasks.js';
import type { DiskWorker } from './disk-worker.js';

/** A small file to create. Its pieces are released once they are copied. */
export interface SmallFile extends Omit<NewFile, 'byteLength'> {
  readonly pieces: readonly Uint8Array[];
}

interface Pending {
  readonly file: SmallFile | null;
  readonly rename: Rename | null;
  resolve(stamp: FileStamp | null): void;
  reject(error: unknown): void;
}

const maxBatch = 128;

/** Creates and renames small files on a disk thread, many per message. */
export class SmallFiles {
  readonly #worker: DiskWorker;
  #queue: Pending[] = [];
  #isScheduled = false;
  #isSending = false;

  constructor(worker: DiskWorker) {
    this.#worker = worker;
  }

  /** Creates a file with this content and time, and returns its stamp. On an error, which has the system's `code`, no file remains. */
  write(file: SmallFile): Promise<FileStamp> {
    return this.#enqueue(file, null).then((stamp) => stamp ?? { inode: 0, size: 0, mtimeMs: 0 });
  }

  /** Renames a file, as rename(2). */
  async rename(from: string, to: string): Promise<void> {
    await this.#enqueue(null, { from, to });
  }

  #enqueue(file: SmallFile | null, rename: Rename | null): Promise<FileStamp | null> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ file, rename, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // Requests of one turn share a message.
      setImmediate(() => {
        this.#isScheduled = false;
        void this.#send();
      });
    });
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#queue.length > 0) {
      const taken = this.#queue.splice(0, maxBatch);
      // The answers come in this order.
      const batch = [
        ...taken.filter(({ file }) => file !== null),
        ...taken.filter(({ file }) => file === null),
      ];
      const task = taskOf(batch);
      try {
        const results = await this.#worker.run(task, [task.bytes.buffer as ArrayBuffer]);
        batch.forEach((pending, index) => {
          const result = results[index] ?? null;
          if (result !== null && 'code' in result) {
            pending.reject(Object.assign(new Error(result.message), { code: result.code }));
          } else pending.resolve(result);
        });
      } catch (error) {
        for (const pending of batch) pending.reject(error);
      }
    }
    this.#isSending = false;
  }
}

function taskOf(batch: readonly Pending[]): FilesTask {
  let total = 0;
  for (const { file } of batch) for (const piece of file?.pieces ?? []) total += piece.byteLength;
  const bytes = new Uint8Array(total);
  const files: NewFile[] = [];
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
  return { kind: 'files', files, bytes, renames };
}
