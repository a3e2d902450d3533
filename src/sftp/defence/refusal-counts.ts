import type { Clock, Logger } from '../../model/call.js';

const intervalMs = 60_000;
const maxNames = 10_000;

/** The refusals that the log counts. */
export type RefusalCount = 'wrong' | 'busy' | 'unchecked' | 'failedConnections' | 'refusedConnections';

/** Logs refusals as counts: one line for each minute with refusals. */
export class RefusalCounts {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #counts = new Map<RefusalCount, number>();
  readonly #sources = new Set<string>();
  readonly #users = new Set<string>();
  readonly #stop = new AbortController();
  #isWaiting = false;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  add(kind: RefusalCount, source: string, username: string | null): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#sources.size < maxNames) this.#sources.add(source);
    if (username !== null && this.#users.size < maxNames) this.#users.add(username);
    if (!this.#isWaiting) void this.#flushLater();
  }

  /** Logs the counts so far. */
  close(): void {
    this.#stop.abort();
    this.#flush();
  }

  async #flushLater(): Promise<void> {
    this.#isWaiting = true;
    const isDue = await this.#clock.sleep(intervalMs, this.#stop.signal).then(
      () => true,
      () => false,
    );
    this.#isWaiting = false;
    if (isDue) this.#flush();
  }

  #flush(): void {
    if (this.#counts.size === 0) return;
    this.#log.warn('logins refused', {
      ...Object.fromEntries(this.#counts),
      addresses: this.#sources.size,
      users: this.#users.size,
      seconds: intervalMs / 1_000,
    });
    this.#counts.clear();
    this.#sources.clear();
    this.#users.clear();
  }
}
