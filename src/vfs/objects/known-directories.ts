import type { Clock } from '../../model/call.js';

interface Knowledge {
  readonly untilMs: number;
  readonly hasMarker: boolean;
}

/**
 * Directories that were there a moment ago, so that a tree of small files does not ask S3 for the same directory before each.
 * Being wrong is harmless: an upload into a directory that somebody removed meanwhile makes it anew, which is what S3 itself
 * would do.
 */
export class KnownDirectories {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #capacity: number;
  readonly #known = new Map<string, Knowledge>();

  constructor(clock: Clock, lifetimeMs = 15_000, capacity = 10_000) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#capacity = capacity;
  }

  /** `prefix` ends with `/`. */
  exists(bucket: string, prefix: string): boolean {
    return this.#find(bucket, prefix) !== null;
  }

  hasMarker(bucket: string, prefix: string): boolean {
    return this.#find(bucket, prefix)?.hasMarker ?? false;
  }

  learn(bucket: string, prefix: string, hasMarker: boolean): void {
    const name = `${bucket}/${prefix}`;
    // Taken out first, so that the oldest knowledge stays at the front of the map.
    this.#known.delete(name);
    this.#known.set(name, { untilMs: this.#clock.monotonicMs() + this.#lifetimeMs, hasMarker });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#capacity) break;
      this.#known.delete(oldest);
    }
  }

  forget(bucket: string, prefix: string): void {
    this.#known.delete(`${bucket}/${prefix}`);
  }

  #find(bucket: string, prefix: string): Knowledge | null {
    const name = `${bucket}/${prefix}`;
    const known = this.#known.get(name);
    if (known === undefined) return null;
    if (known.untilMs > this.#clock.monotonicMs()) return known;
    this.#known.delete(name);
    return null;
  }
}
