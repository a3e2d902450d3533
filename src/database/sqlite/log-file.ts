import { closeSync, fdatasync, openSync } from 'node:fs';
import { Fault } from '../../model/fault.js';

/** Makes the content of an open file durable. */
export type SyncFile = (file: number, done: (error: Error | null) => void) => void;

/**
 * The write-ahead log of a database. SQLite itself would sync it in the main thread, which can do nothing else meanwhile.
 * With `synchronous = NORMAL` it syncs the log only before a checkpoint, and a commit is durable once the log is synced
 * here (https://www.sqlite.org/pragma.html#pragma_synchronous). SQLite takes no locks on the log, so that closing it
 * drops none (fcntl(2)).
 */
export class LogFile {
  readonly #path: string;
  readonly #sync: SyncFile;
  #file: number | null = null;
  #failure: Fault | null = null;

  /** `path` is that of the database, which is open. */
  constructor(path: string, sync: SyncFile = fdatasync) {
    this.#path = `${path}-wal`;
    this.#sync = sync;
  }

  /**
   * Throws the fault of an earlier sync that failed. The kernel may have dropped what it could not write, and every
   * later commit depends on it.
   */
  requireIntact(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when all commits so far are durable. Throws `unavailable`, and then always. */
  async sync(): Promise<void> {
    this.requireIntact();
    try {
      this.#file ??= openSync(this.#path, 'r');
      await this.#syncOpen(this.#file);
    } catch (error) {
      this.#failure ??= new Fault(
        'unavailable',
        `cannot write ${this.#path} to the disk; check the disk and restart the gateway`,
        { cause: error },
      );
      throw this.#failure;
    }
  }

  #syncOpen(file: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sync(file, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}
