/**
 * The order of the operations on one open handle. Shared ones (READ, WRITE) start as they come and may overlap; an exclusive
 * one (CLOSE, a change of size) waits for all before it, and all after it wait for that one.
 */
export class HandleOrder {
  readonly #outstanding = new Set<Promise<unknown>>();
  /** The last exclusive operation that has not ended. */
  #barrier: Promise<unknown> | null = null;

  /** Starts at once, synchronously, unless an exclusive operation is under way. */
  shared<T>(operation: () => Promise<T>): Promise<T> {
    return this.#track(this.#barrier === null ? operation() : this.#barrier.then(operation));
  }

  exclusive<T>(operation: () => Promise<T>): Promise<T> {
    const result = Promise.allSettled([...this.#outstanding]).then(operation);
    const barrier = result.then(
      () => undefined,
      () => undefined,
    );
    this.#barrier = barrier;
    void barrier.then(() => {
      if (this.#barrier === barrier) this.#barrier = null;
    });
    return this.#track(result);
  }

  #track<T>(result: Promise<T>): Promise<T> {
    this.#outstanding.add(result);
    const forget = () => void this.#outstanding.delete(result);
    result.then(forget, forget);
    return result;
  }
}
