import type { Clock, Timer } from './clock.js';

/** Timers by name, at most one of each. */
export class NamedTimers<Name extends string> {
  readonly #clock: Clock;
  readonly #timers = new Map<Name, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces the timer of that name. */
  set(name: Name, delayMs: number, call: () => void): void {
    this.cancel(name);
    const fired = () => {
      this.#timers.delete(name);
      call();
    };
    this.#timers.set(name, this.#clock.after(delayMs, fired));
  }

  cancel(name: Name): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
