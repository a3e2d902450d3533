import type { Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** Saves a state after changes, one write at a time. A failure is logged, and the next change saves again. */
export class StateSaver {
  readonly #write: () => Promise<void>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #isChanged = false;
  #writing: Promise<void> | null = null;
  #isWaiting = false;

  constructor(write: () => Promise<void>, clock: Clock, log: Logger) {
    this.#write = write;
    this.#clock = clock;
    this.#log = log;
  }

  /** Saves after the delay in milliseconds, or earlier along with another change. */
  async later(delayMs: number): Promise<void> {
    this.#isChanged = true;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await this.#clock.sleep(delayMs, this.#stop.signal).catch(() => undefined);
    this.#isWaiting = false;
    await this.#saveChanges();
  }

  /** Resolves when the present state is saved, or the attempt failed. */
  async now(): Promise<void> {
    this.#isChanged = true;
    await this.#saveChanges();
  }

  /** Saves changes that `later` has not yet saved. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#saveChanges();
  }

  async #saveChanges(): Promise<void> {
    while (this.#isChanged || this.#writing !== null) {
      this.#writing ??= this.#save();
      await this.#writing;
    }
  }

  async #save(): Promise<void> {
    this.#isChanged = false;
    try {
      await this.#write();
    } catch (error) {
      this.#log.error('bans not saved', { error: Fault.from(error) });
    } finally {
      this.#writing = null;
    }
  }
}
