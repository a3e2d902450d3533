import type { Clock, LogFields, Logger } from '../model/call.js';

const intervalMs = 60_000;

/**
 * Logs the same warning once a minute, with the number of suppressed ones, so that unauthenticated clients
 * cannot fill the log.
 */
export class RateLimitedWarnings {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { nextMs: number; suppressed: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Warnings with equal `message` and `reason` are the same. Neither may contain text from the client. */
  warn(message: string, fields: LogFields): void {
    const nowMs = this.#clock.monotonicMs();
    const warning = `${message}: ${String(fields['reason'] ?? '')}`;
    const seen = this.#seen.get(warning) ?? { nextMs: nowMs, suppressed: 0 };
    this.#seen.set(warning, seen);
    if (nowMs < seen.nextMs) {
      seen.suppressed += 1;
      return;
    }
    this.#log.warn(message, seen.suppressed === 0 ? fields : { ...fields, suppressed: seen.suppressed });
    seen.nextMs = nowMs + intervalMs;
    seen.suppressed = 0;
  }
}
