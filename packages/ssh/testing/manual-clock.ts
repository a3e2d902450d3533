import type { Clock, Timer } from '../transport/clock.js';

/** A clock that only a test moves. */
export class ManualClock implements Clock {
  readonly #timers = new Set<{ readonly atMs: number; call(): void }>();
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, call };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Moves the clock and calls the timers that are due, in their order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = due.atMs;
      due.call();
    }
    this.#nowMs = untilMs;
  }
}
