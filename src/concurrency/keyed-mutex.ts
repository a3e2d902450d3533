import { Mutex } from './mutex.js';

/** One mutex for each key in use. A wait cannot be cancelled. */
export class KeyedMutex<K> {
  readonly #nameOf: (key: K) => string;
  readonly #mutexes = new Map<string, Mutex>();

  /** `nameOf` returns the same text for the same key, and different texts for different keys. */
  constructor(nameOf: (key: K) => string) {
    this.#nameOf = nameOf;
  }

  isLocked(key: K): boolean {
    return this.#mutexes.has(this.#nameOf(key));
  }

  /** Runs `work` when no other work with one of these keys runs, at once if they are free, and returns its result. */
  async runExclusive<T>(keys: readonly K[], work: () => Promise<T>): Promise<T> {
    // Everybody locks in the same order, so that two callers never wait for each other.
    const names = [...new Set(keys.map(this.#nameOf))].sort();
    for (const name of names) {
      const mutex = this.#mutexOf(name);
      if (!mutex.tryLock()) await mutex.lock();
    }
    try {
      return await work();
    } finally {
      for (const name of names) this.#unlock(name);
    }
  }

  #mutexOf(name: string): Mutex {
    let mutex = this.#mutexes.get(name);
    if (mutex === undefined) {
      mutex = new Mutex();
      this.#mutexes.set(name, mutex);
    }
    return mutex;
  }

  #unlock(name: string): void {
    const mutex = this.#mutexes.get(name);
    mutex?.unlock();
    if (mutex?.isLocked === false) this.#mutexes.delete(name);
  }
}
