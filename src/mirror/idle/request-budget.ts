import type { Clock } from '../../model/call.js';

const minuteMs = 60_000;

/** Requests that may be sent at once after a pause, as a time in milliseconds in which they would become free. */
const burstMs = 10_000;

/** A number of requests per minute for work that can wait. Bounds the cost of an idle gateway. */
export class RequestBudget {
  readonly #clock: Clock;
  readonly #perMinute: () => number;
  /** Time at which the requests taken so far are paid for, by the monotonic clock. */
  #paidMs = 0;

  /** `perMinute` is called at each use. */
  constructor(clock: Clock, perMinute: () => number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Waits until one request may be sent, and takes it. Throws `cancelled` if the signal is aborted first. */
  async take(signal: AbortSignal): Promise<void> {
    this.spend(1);
    const waitMs = this.#paidMs - this.#clock.monotonicMs();
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }

  /** Takes requests that have been sent already. */
  spend(requests: number): void {
    const start = Math.max(this.#paidMs, this.#clock.monotonicMs() - burstMs);
    this.#paidMs = start + (requests * minuteMs) / this.#perMinute();
  }
}
