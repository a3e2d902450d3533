import type { Clock } from '../../model/call.js';

/** A body that yields no byte for this long fails. Each attempt to reopen it has its own retries (s3/retry.ts). */
const maxIdleMs = 90_000;
const firstPauseMs = 100;
const maxPauseMs = 10_000;

/** Bounds the attempts to resume an interrupted body by the time without progress, not by their number. */
export class ResumeTime {
  readonly #clock: Clock;
  #gainedMs: number;
  #attemptsInVain = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#gainedMs = clock.monotonicMs();
  }

  /** Records that bytes have arrived since the last attempt. */
  gained(): void {
    this.#gainedMs = this.#clock.monotonicMs();
    this.#attemptsInVain = 0;
  }

  /** True while another attempt may begin. */
  get isLeft(): boolean {
    return this.#clock.monotonicMs() - this.#gainedMs < maxIdleMs;
  }

  /** Waits before the next attempt, longer each time. Throws `cancelled` when the signal aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    this.#attemptsInVain += 1;
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (this.#attemptsInVain - 1));
    const leftMs = Math.max(0, this.#gainedMs + maxIdleMs - this.#clock.monotonicMs());
    await this.#clock.sleep(Math.min(pauseMs, leftMs), signal);
  }
}
