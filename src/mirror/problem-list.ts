import type { MirrorProblem } from '../model/mirror.js';

/** Problems of one pass. Counts all and keeps those of the largest objects. */
export class ProblemList {
  readonly #max: number;
  #kept: MirrorProblem[] = [];
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(problem: MirrorProblem): void {
    this.#count += 1;
    this.#kept.push(problem);
    if (this.#kept.length >= 2 * this.#max) this.#trim();
  }

  get count(): number {
    return this.#count;
  }

  /** The kept problems, largest objects first. */
  get kept(): readonly MirrorProblem[] {
    this.#trim();
    return [...this.#kept];
  }

  #trim(): void {
    this.#kept.sort((one, other) => other.size - one.size || (one.path < other.path ? -1 : 1));
    this.#kept = this.#kept.slice(0, this.#max);
  }
}
