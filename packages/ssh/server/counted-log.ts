import type { Clock, Timer } from '../transport/clock.js';
import type { TransportLog } from '../transport/events.js';

const intervalMs = 60_000;

/**
 * Logs events that a peer can cause without end: the first at once, the others as a count each minute, so that the log has a bounded
 * rate.
 */
export class CountedLog {
  readonly #log: Pick<TransportLog, 'warn'>;
  readonly #clock: Clock;
  readonly #message: string;
  readonly #counts = new Map<string, number>();
  #timer: Timer | null = null;

  /** `message` is the fixed phrase of the lines. */
  constructor(log: Pick<TransportLog, 'warn'>, clock: Clock, message: string) {
    this.#log = log;
    this.#clock = clock;
    this.#message = message;
  }

  /** Counts one event. `reason` is one of few texts. `fields` are logged with the first event of an interval. */
  add(reason: string, fields: Readonly<Record<string, unknown>>): void {
    const isFirst = !this.#counts.has(reason);
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (isFirst) this.#log.warn({ ...fields, reason }, this.#message);
    this.#timer ??= this.#clock.after(intervalMs, () => this.#flush());
  }

  /** Logs the counts of the interval that has not passed. */
  close(): void {
    this.#timer?.cancel();
    this.#flush();
  }

  #flush(): void {
    this.#timer = null;
    for (const [reason, count] of this.#counts) {
      if (count > 1) this.#log.warn({ reason, more: count - 1, seconds: intervalMs / 1000 }, this.#message);
    }
    this.#counts.clear();
  }
}
