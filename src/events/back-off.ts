import type { Entropy } from '../model/call.js';

const firstMs = 500;
const maxMs = 60_000;

/** Exponential back-off with jitter, so that clients that failed together do not retry together. */
export class BackOff {
  readonly #entropy: Entropy;
  #failures = 0;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** Number of failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns the delay before the next attempt, in ms: up to one minute. */
  failed(): number {
    const boundMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    const random = Buffer.from(this.#entropy.bytes(4)).readUInt32BE(0) / 2 ** 32;
    return Math.ceil(boundMs * (0.5 + 0.5 * random));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
