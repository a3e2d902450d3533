/** One at a time for each path, in the order in which they came. */
export class PathLocks {
  readonly #tails = new Map<string, Promise<void>>();

  isHeld(path: string): boolean {
    return this.#tails.has(path);
  }

  async alone<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(path);
    const result = before === undefined ? work() : before.then(work);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(path, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(path) === tail) this.#tails.delete(path);
    }
  }
}
