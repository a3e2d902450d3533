/** Counts by name. A name with a count of 0 takes no memory. */
export class Counts {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  remove(name: string): void {
    const count = this.of(name);
    if (count <= 1) this.#counts.delete(name);
    else this.#counts.set(name, count - 1);
  }
}
