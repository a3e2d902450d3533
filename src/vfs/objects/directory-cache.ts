import type { Clock } from '../../model/call.js';

interface Knowledge {
  readonly untilMs: number;
  readonly hasMarker: boolean;
}

/** Time in milliseconds that a name counts as absent: clients check a name and open it right afterwards. */
const absenceMs = 2000;

/**
 * Remembers directories that existed recently, so that uploading many small files does not list the same
 * directory each time. Also remembers names that were not directories, so that opening a file does not repeat
 * the client's check. Outdated entries are harmless. An upload into a removed directory creates it again, as
 * S3 would. If another client has just made a directory of the name, the upload becomes an object beside it,
 * like an upload that began earlier.
 */
export class DirectoryCache {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #capacity: number;
  readonly #known = new Map<string, Knowledge>();
  /** Time until which a name counts as absent, in monotonic milliseconds. */
  readonly #absent = new Map<string, number>();

  constructor(clock: Clock, lifetimeMs = 15_000, capacity = 10_000) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#capacity = capacity;
  }

  /** Returns whether the directory existed recently. `prefix` ends with `/`. */
  exists(bucket: string, prefix: string): boolean {
    return this.#find(bucket, prefix) !== null;
  }

  hasMarker(bucket: string, prefix: string): boolean {
    return this.#find(bucket, prefix)?.hasMarker ?? false;
  }

  add(bucket: string, prefix: string, hasMarker: boolean): void {
    const name = `${bucket}/${prefix}`;
    this.#absent.delete(name);
    this.#keep(this.#known, name, { untilMs: this.#clock.monotonicMs() + this.#lifetimeMs, hasMarker });
  }

  forget(bucket: string, prefix: string): void {
    this.#known.delete(`${bucket}/${prefix}`);
  }

  /** Forgets the prefix and everything below it. */
  forgetBelow(bucket: string, prefix: string): void {
    const start = `${bucket}/${prefix}`;
    for (const map of [this.#known, this.#absent]) {
      for (const name of map.keys()) if (name.startsWith(start)) map.delete(name);
    }
  }

  /** Records that neither the prefix's marker nor anything below it exists now. */
  addAbsent(bucket: string, prefix: string): void {
    this.forget(bucket, prefix);
    this.#keep(this.#absent, `${bucket}/${prefix}`, this.#clock.monotonicMs() + absenceMs);
  }

  isKnownAbsent(bucket: string, prefix: string): boolean {
    const untilMs = this.#absent.get(`${bucket}/${prefix}`);
    return untilMs !== undefined && untilMs > this.#clock.monotonicMs();
  }

  #keep<T>(map: Map<string, T>, name: string, value: T): void {
    // Deleted first, so that the oldest entries stay at the front of the map.
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
