import type { Clock } from '../../model/call.js';

const firstPauseMs = 100;
const maxPauseMs = 10_000;

/**
 * Bounds the attempts to resume an interrupted body by the time without progress, not by their number. Each
 * attempt to reopen it has its own retries (s3/retry.ts).
 */
export class ResumeTime {
  readonly #clock: Clock;
  readonly #maxIdleMs: number;
  #gainedMs: number;
  #attemptsInVain = 0;

  /** A body that yields no byte for `maxIdleMs` fails. */
  constructor(clock: Clock, maxIdleMs: number) {
    this.#clock = clock;
    this.#maxIdleMs = maxIdleMs;
    this.#gainedMs = clock.monotonicMs();
  }

  /** Records that bytes have arrived since the last attempt. */
  gained(): void {
    this.#gainedMs = this.#clock.monotonicMs();
    this.#attemptsInVain = 0;
  }

  /** True while another attempt may begin. */
  get isLeft(): boolean {
    return this.#clock.monotonicMs() - this.#gainedMs < this.#maxIdleMs;
  }

  /** Waits before the next attempt, longer each time. Throws `cancelled` when the signal aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    this.#attemptsInVain += 1;
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (this.#attemptsInVain - 1));
    const leftMs = Math.max(0, this.#gainedMs + this.#maxIdleMs - this.#clock.monotonicMs());
    await this.#clock.sleep(Math.min(pauseMs, leftMs), signal);
  }
}
