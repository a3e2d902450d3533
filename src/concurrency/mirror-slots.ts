import { Fault } from '../model/fault.js';

interface Waiter {
  readonly count: number;
  readonly signal: AbortSignal;
  go(): void;
  cancel(): void;
}

/** A number of places; who wants some waits in line. */
export class Slots {
  readonly #total: number;
  #free: number;
  readonly #waiting: Waiter[] = [];
  /** One listener for all who wait with a signal: at each new one a signal looks through those that it has. */
  readonly #watched = new Map<AbortSignal, { count: number; readonly listener: () => void }>();

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Takes places (all of them, when more are wanted than there are) and answers how to give them back. Throws `cancelled`. */
  async take(wanted: number, signal: AbortSignal): Promise<() => void> {
    const count = Math.min(wanted, this.#total);
    if (signal.aborted) throw stopped();
    if (this.#waiting.length > 0 || this.#free < count) await this.#turn(count, signal);
    else this.#free -= count;
    return this.#giveBack(count);
  }

  /** Takes places that nobody waits for, and answers how to give them back; null when there are not so many. */
  takeSpare(count: number): (() => void) | null {
    if (this.#waiting.length > 0 || this.#free < count) return null;
    this.#free -= count;
    return this.#giveBack(count);
  }

  #giveBack(count: number): () => void {
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.#free += count;
      this.#admit();
    };
  }

  #turn(count: number, signal: AbortSignal): Promise<void> {
    this.#watch(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ count, signal, go: resolve, cancel: () => reject(stopped()) });
    });
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#free < first.count) return;
      this.#waiting.shift();
      this.#free -= first.count;
      this.#unwatch(first.signal);
      first.go();
    }
  }

  #watch(signal: AbortSignal): void {
    const watched = this.#watched.get(signal);
    if (watched !== undefined) {
      watched.count += 1;
      return;
    }
    const listener = () => this.#cancel(signal);
    signal.addEventListener('abort', listener, { once: true });
    this.#watched.set(signal, { count: 1, listener });
  }

  #unwatch(signal: AbortSignal): void {
    const watched = this.#watched.get(signal);
    if (watched === undefined) return;
    watched.count -= 1;
    if (watched.count > 0) return;
    signal.removeEventListener('abort', watched.listener);
    this.#watched.delete(signal);
  }

  #cancel(signal: AbortSignal): void {
    this.#watched.delete(signal);
    const gone = this.#waiting.filter((waiter) => waiter.signal === signal);
    const left = this.#waiting.filter((waiter) => waiter.signal !== signal);
    this.#waiting.splice(0, this.#waiting.length, ...left);
    for (const waiter of gone) waiter.cancel();
    this.#admit();
  }
}

function stopped(): Fault {
  return new Fault('cancelled', 'the mirror is being stopped');
}
