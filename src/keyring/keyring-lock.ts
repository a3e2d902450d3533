import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileDurably, ensureDirectory, secretDirectoryMode, secretFileMode } from '../files/durable.js';
import type { Clock } from '../model/call.js';
import { isFault } from '../model/fault.js';
import { writeFault } from './disk-fault.js';

const waitMs = 30_000;
const pollMs = 10;

/** Lets one process at a time change a keyring or its copy. */
export class KeyringLock {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #what: string;
  #last: Promise<unknown> = Promise.resolve();

  /** `what` describes the work under the lock, for the fault in a process that waits for it. */
  constructor(path: string, clock: Clock, what = 'changing the keyring') {
    this.#path = path;
    this.#clock = clock;
    this.#what = what;
  }

  /**
   * Runs the work under the lock, one call at a time. Throws `conflict` if another process holds the lock for
   * 30 seconds.
   */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => this.#hold(work));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #hold<T>(work: () => Promise<T>): Promise<T> {
    await this.#prepare();
    const lock = await this.#take();
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  /**
   * Creates the lock file before SQLite would, so that after a command of root the gateway's user can still
   * lock it.
   */
  async #prepare(): Promise<void> {
    try {
      if (
        await stat(this.#path).then(
          () => true,
          () => false,
        )
      )
        return;
      await ensureDirectory(dirname(this.#path), secretDirectoryMode);
      await createFileDurably(this.#path, '', secretFileMode);
    } catch (error) {
      throw writeFault(this.#path, error);
    }
  }

  async #take() {
    const inUse = `another process has been ${this.#what} for 30 seconds; try again later`;
    // Loaded only here, because opening keys does not need the database.
    const { acquireProcessLock } = await import('../database/sqlite/process-lock.js');
    const since = this.#clock.monotonicMs();
    for (;;) {
      try {
        return acquireProcessLock(this.#path, inUse);
      } catch (error) {
        if (!isFault(error, 'conflict') || this.#clock.monotonicMs() - since > waitMs) throw error;
        await this.#clock.sleep(pollMs);
      }
    }
  }
}
