/** Lets callers in one after the other, in the order in which they came. */
export class Turns {
  #taken = false;
  readonly #queue: (() => void)[] = [];

  /** True when nobody is in: the caller is now. */
  tryEnter(): boolean {
    if (this.#taken) return false;
    this.#taken = true;
    return true;
  }

  /** Resolves when the caller is in. */
  enter(): Promise<void> {
    if (this.tryEnter()) return Promise.resolve();
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }

  get isIdle(): boolean {
    return !this.#taken;
  }
}
