import type { Clock } from '../../model/call.js';

interface Knowledge {
  readonly untilMs: number;
  readonly hasMarker: boolean;
}

/** A client asks what a name is, and opens it right after the answer. */
const absenceMs = 2000;

/**
 * Directories that were there a moment ago, so that a tree of small files does not ask S3 for the same directory before each;
 * and names that were none a moment ago, so that the open of a file does not ask again what the client has just asked.
 * Being wrong is harmless: an upload into a directory that somebody removed meanwhile makes it anew, which is what S3 itself
 * would do; one whose name another program has just made a directory is an object beside it, as with an upload that began earlier.
 */
export class KnownDirectories {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #capacity: number;
  readonly #known = new Map<string, Knowledge>();
  /** Until when a name is taken for none. */
  readonly #absent = new Map<string, number>();

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
    this.#absent.delete(name);
    this.#keep(this.#known, name, { untilMs: this.#clock.monotonicMs() + this.#lifetimeMs, hasMarker });
  }

  forget(bucket: string, prefix: string): void {
    this.#known.delete(`${bucket}/${prefix}`);
  }

  /** All that is known of the prefix and what is below it may be wrong from now on. */
  forgetBelow(bucket: string, prefix: string): void {
    const start = `${bucket}/${prefix}`;
    for (const map of [this.#known, this.#absent]) {
      for (const name of map.keys()) if (name.startsWith(start)) map.delete(name);
    }
  }

  /** Nothing is below the prefix at this moment, nor its marker. */
  learnAbsence(bucket: string, prefix: string): void {
    this.forget(bucket, prefix);
    this.#keep(this.#absent, `${bucket}/${prefix}`, this.#clock.monotonicMs() + absenceMs);
  }

  wasAbsent(bucket: string, prefix: string): boolean {
    const untilMs = this.#absent.get(`${bucket}/${prefix}`);
    return untilMs !== undefined && untilMs > this.#clock.monotonicMs();
  }

  #keep<T>(map: Map<string, T>, name: string, value: T): void {
    // Taken out first, so that the oldest knowledge stays at the front of the map.
    map.delete(name);
    map.set(name, value);
    for (const oldest of map.keys()) {
      if (map.size <= this.#capacity) break;
      map.delete(oldest);
    }
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
