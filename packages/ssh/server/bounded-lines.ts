import type { Clock, Timer } from '../transport/clock.js';
import type { TransportLog } from '../transport/events.js';

const intervalMs = 60_000;
const maxLinesPerInterval = 30;

/** Logs lines that peers can cause without end: 30 a minute, the others as a count at the end of the minute. */
export class BoundedLines {
  readonly #log: Pick<TransportLog, 'info'>;
  readonly #clock: Clock;
  readonly #message: string;
  #count = 0;
  #timer: Timer | null = null;

  /** `message` is the fixed phrase of the lines. */
  constructor(log: Pick<TransportLog, 'info'>, clock: Clock, message: string) {
    this.#log = log;
    this.#clock = clock;
    this.#message = message;
  }

  add(fields: Readonly<Record<string, unknown>>): void {
    this.#count += 1;
    if (this.#count <= maxLinesPerInterval) this.#log.info(fields, this.#message);
    this.#timer ??= this.#clock.after(intervalMs, () => this.flush());
  }

  /** Logs the count of the lines that were left out. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const more = this.#count - maxLinesPerInterval;
    this.#count = 0;
    if (more > 0) this.#log.info({ more, seconds: intervalMs / 1000 }, this.#message);
  }
}
