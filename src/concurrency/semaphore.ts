import { interrupted, throwIfAborted } from './abort.js';

interface Waiter {
  readonly count: number;
  readonly signal: AbortSignal | null;
  admit(): void;
  cancel(): void;
}

/** A number of permits. Callers that find too few wait in line, first come, first served. */
export class Semaphore {
  readonly #total: number;
  #free: number;
  readonly #waiting: Waiter[] = [];
  /** One listener per signal: adding one to a signal takes time in proportion to those that it has. */
  readonly #watched = new Map<AbortSignal, { count: number; readonly listener: () => void }>();

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /**
   * Takes `count` permits, or all of them if `count` is larger, and returns the function that releases them. Calling it
   * again does nothing. Throws `cancelled` (abort.ts).
   */
  async acquire(count: number, signal: AbortSignal | null): Promise<() => void> {
    throwIfAborted(signal);
    const taken = Math.min(count, this.#total);
    if (this.#waiting.length > 0 || this.#free < taken) await this.#wait(taken, signal);
    else this.#free -= taken;
    return this.#releaser(taken);
  }

  /** Takes `count` permits if they are free and no caller waits; otherwise returns null. */
  tryAcquire(count: number): (() => void) | null {
    if (this.#waiting.length > 0 || this.#free < count) return null;
    this.#free -= count;
    return this.#releaser(count);
  }

  /** Runs `work` with one permit and returns its result. It cannot be cancelled while it waits. */
  readonly run = async <T>(work: () => Promise<T>): Promise<T> => {
    const release = await this.acquire(1, null);
    try {
      return await work();
    } finally {
      release();
    }
  };

  #releaser(count: number): () => void {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#free += count;
      this.#admitWaiters();
    };
  }

  #wait(count: number, signal: AbortSignal | null): Promise<void> {
    if (signal !== null) this.#watch(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ count, signal, admit: resolve, cancel: () => reject(interrupted()) });
    });
  }

  #admitWaiters(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#free < first.count) return;
      this.#waiting.shift();
      this.#free -= first.count;
      if (first.signal !== null) this.#unwatch(first.signal);
      first.admit();
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
    const cancelled = this.#waiting.filter((waiter) => waiter.signal === signal);
    const left = this.#waiting.filter((waiter) => waiter.signal !== signal);
    this.#waiting.splice(0, this.#waiting.length, ...left);
    for (const waiter of cancelled) waiter.cancel();
    this.#admitWaiters();
  }
}
