import type { Entropy } from '../model/call.js';

/** How many are still wanted, of how many that are still to come. */
export interface SamplerState {
  readonly wanted: number;
  readonly left: number;
}

/**
 * Chooses so many of what comes, each as likely as every other, and needs to know only how many come (Knuth, The Art of Computer
 * Programming 3.4.2, algorithm S). When more come than was said, those behind are not chosen.
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

  /** Whether the next one is in the sample. */
  takes(): boolean {
    if (this.#left === 0) return false;
    const random = Buffer.from(this.#entropy.bytes(6)).readUIntBE(0, 6) / 2 ** 48;
    const isTaken = random * this.#left < this.#wanted;
    this.#left -= 1;
    if (isTaken) this.#wanted -= 1;
    return isTaken;
  }
}
