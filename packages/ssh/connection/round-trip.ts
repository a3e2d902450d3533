const maxSamples = 4;

/** The round trip to the client: the shortest of the last samples, since queues lengthen the others. */
export class RoundTrip {
  readonly #samples: number[] = [];

  /** Returns the round trip in milliseconds, null before the first sample. */
  get ms(): number | null {
    return this.#samples.length === 0 ? null : Math.min(...this.#samples);
  }

  add(sampleMs: number): void {
    this.#samples.push(sampleMs);
    if (this.#samples.length > maxSamples) this.#samples.shift();
  }
}
