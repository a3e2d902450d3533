import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileDurably, ensureDirectory, secretDirectoryMode, secretFileMode } from '../files/durable.js';
import type { Clock } from '../model/call.js';
import { isFault } from '../model/fault.js';
import { writeFault } from './disk-fault.js';

const waitMs = 30_000;
const pollMs = 10;

/** Makes changes of a keyring, or of its copy, go one after the other, in whichever process they begin. */
export class KeyringLock {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #what: string;
  #last: Promise<unknown> = Promise.resolve();

  /** `what` is what another process is said to be doing when it keeps the lock. */
  constructor(path: string, clock: Clock, what = 'changing the keyring') {
    this.#path = path;
    this.#clock = clock;
    this.#what = what;
  }

  /** Throws `conflict` when another process keeps it for half a minute. */
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

  /** Made here and not by SQLite, so that root's commands leave a file that the gateway's user can lock. */
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
    const inUse = `another process has been ${this.#what} for half a minute; try again when it is done`;
    // Loaded only here: who opens keys needs no database.
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
