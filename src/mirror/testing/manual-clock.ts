import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

interface Sleeper {
  readonly untilMs: number;
  wake(): void;
}

/** Clock that a test advances. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #sleepers = new Set<Sleeper>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = () => {
        this.#sleepers.delete(sleeper);
        reject(new Fault('cancelled', 'the wait was cancelled'));
      };
      const sleeper: Sleeper = {
        untilMs: this.#nowMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', cancelled);
          resolve();
        },
      };
      if (signal?.aborted) return cancelled();
      signal?.addEventListener('abort', cancelled, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Advances the time in steps of 100 ms, and runs what each step wakes. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.#nowMs += Math.min(100, left);
      for (const sleeper of [...this.#sleepers]) {
        if (sleeper.untilMs > this.#nowMs) continue;
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
      await new Promise((resume) => setImmediate(resume));
    }
  }
}
