import type { Entropy } from '../model/call.js';

const firstMs = 500;
const maxMs = 60_000;

/** How long to wait after trouble: doubling, with jitter, so that clients that failed together do not come back together. */
export class BackOff {
  readonly #entropy: Entropy;
  #failures = 0;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after one more failure: up to a minute. */
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
