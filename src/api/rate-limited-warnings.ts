import type { Clock, LogFields, Logger } from '../model/call.js';

const intervalMs = 60_000;

/** Warns of the same thing once a minute, with how often it has happened: strangers must not be able to fill the log. */
export class RateLimitedWarnings {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { nextMs: number; suppressed: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `message` is the program's own text: it tells one thing from another, so it must not hold what a stranger sent. */
  warn(message: string, fields: LogFields): void {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(message) ?? { nextMs: nowMs, suppressed: 0 };
    this.#seen.set(message, seen);
    if (nowMs < seen.nextMs) {
      seen.suppressed += 1;
      return;
    }
    this.#log.warn(message, seen.suppressed === 0 ? fields : { ...fields, suppressed: seen.suppressed });
    seen.nextMs = nowMs + intervalMs;
    seen.suppressed = 0;
  }
}
