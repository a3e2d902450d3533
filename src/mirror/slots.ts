import { Fault } from '../model/fault.js';

interface Waiter {
  readonly count: number;
  go(): void;
}

/** A number of places; who wants some waits in line. */
export class Slots {
  readonly #total: number;
  #free: number;
  readonly #waiting: Waiter[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Takes places (all of them, when more are wanted than there are) and answers how to give them back. Throws `cancelled`. */
  async take(wanted: number, signal: AbortSignal): Promise<() => void> {
    const count = Math.min(wanted, this.#total);
    if (signal.aborted) throw new Fault('cancelled', 'the mirror is being stopped');
    if (this.#waiting.length > 0 || this.#free < count) await this.#turn(count, signal);
    else this.#free -= count;
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.#free += count;
      this.#admit();
    };
  }

  #turn(count: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = () => {
        const index = this.#waiting.indexOf(waiter);
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(new Fault('cancelled', 'the mirror is being stopped'));
        this.#admit();
      };
      const waiter: Waiter = {
        count,
        go: () => {
          signal.removeEventListener('abort', cancelled);
          resolve();
        },
      };
      signal.addEventListener('abort', cancelled, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#free < first.count) return;
      this.#waiting.shift();
      this.#free -= first.count;
      first.go();
    }
  }
}
