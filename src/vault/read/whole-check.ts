import { combineSums } from '../../bytes/joined-checksum.js';
import { sumFunction } from '../../bytes/running-checksum.js';
import type { Checksum } from '../../model/checksum.js';

/** Updates a checksum with further bytes. */
export type SumFunction = ReturnType<typeof sumFunction>;

/** Ranges that wait for the ones before them. A client that reads in any order is not checked. */
const maxWaiting = 1024;

/**
 * Compares an object that is read from its first to its last byte with the checksum in the ledger. It adds up
 * ranges that adjoin; ranges read twice or left out end the check without a result.
 */
export class WholeCheck {
  readonly sum: SumFunction;
  readonly #expected: Checksum;
  readonly #size: number;
  readonly #waiting = new Map<number, { readonly end: number; readonly sum: number }>();
  #end = 0;
  #sum = 0;

  /** `size` is that of the object in bytes. */
  constructor(expected: Checksum, size: number) {
    this.sum = sumFunction(expected.algorithm);
    this.#expected = expected;
    this.#size = size;
  }

  /** Adds the checksum of the bytes from `start` to `end`. */
  add(start: number, end: number, sum: number): void {
    if (start < this.#end || this.#waiting.size >= maxWaiting) return;
    this.#waiting.set(start, { end, sum });
    for (let next = this.#waiting.get(this.#end); next !== undefined; next = this.#waiting.get(this.#end)) {
      this.#waiting.delete(this.#end);
      this.#sum = combineSums(this.#expected.algorithm, this.#sum, next.sum, next.end - this.#end);
      this.#end = next.end;
    }
  }

  /** True when every byte was added and the bytes are not those that were uploaded. */
  get isMismatch(): boolean {
    return this.#end === this.#size && this.#sum !== this.#expected.value;
  }
}
