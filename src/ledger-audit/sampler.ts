import type { Entropy } from '../model/call.js';

/** Items still to choose, and items still to come. */
export interface SamplerState {
  readonly wanted: number;
  readonly left: number;
}

/**
 * Chooses a random sample of fixed size from a stream of known length, each item with equal probability
 * (Knuth, The Art of Computer Programming 3.4.2, algorithm S). Items beyond the announced number are not
 * chosen.
 */
export class Sampler {
  #wanted: number;
  #left: number;
  readonly #entropy: Entropy;

  constructor({ wanted, left }: SamplerState, entropy: Entropy) {
    this.#wanted = Math.min(wanted, left);
    this.#left = left;
    this.#entropy = entropy;
  }

  get state(): SamplerState {
    return { wanted: this.#wanted, left: this.#left };
  }

  /** Returns true if the next item is in the sample. */
  takes(): boolean {
    if (this.#left === 0) return false;
    const random = Buffer.from(this.#entropy.bytes(6)).readUIntBE(0, 6) / 2 ** 48;
    const isTaken = random * this.#left < this.#wanted;
    this.#left -= 1;
    if (isTaken) this.#wanted -= 1;
    return isTaken;
  }
}
