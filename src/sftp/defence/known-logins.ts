import type { Clock } from '../../model/call.js';
import type { KnownLogin } from '../../model/nodes.js';

export interface KnownLoginLimits {
  readonly maxKnownLogins: number;
  readonly knownLoginMs: number;
}

/**
 * Remembers which users have logged in from which sources. Only a login makes an entry, so guessers cannot
 * fill it.
 */
export class KnownLogins {
  readonly #limits: KnownLoginLimits;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** The oldest login first. */
  readonly #logins = new Map<string, KnownLogin>();
  /** Logins by source. */
  readonly #counts = new Map<string, number>();

  constructor(limits: KnownLoginLimits, clock: Pick<Clock, 'nowMs'>) {
    this.#limits = limits;
    this.#clock = clock;
  }

  add(login: KnownLogin): void {
    const key = keyOf(login.source, login.username);
    this.#remove(key);
    this.#logins.set(key, login);
    this.#counts.set(login.source, (this.#counts.get(login.source) ?? 0) + 1);
    const [oldest] = this.#logins.keys();
    if (this.#logins.size > this.#limits.maxKnownLogins && oldest !== undefined) this.#remove(oldest);
  }

  /** Returns true if the user has logged in from the source. */
  has(source: string, username: string): boolean {
    return this.lastMs(source, username) !== null;
  }

  /** Returns when the user logged in from the source last, in milliseconds since the epoch. Returns null if never. */
  lastMs(source: string, username: string): number | null {
    this.#expire();
    return this.#logins.get(keyOf(source, username))?.atMs ?? null;
  }

  /** Returns true if any user has logged in from the source. */
  hasSource(source: string): boolean {
    this.#expire();
    return this.#counts.has(source);
  }

  list(): readonly KnownLogin[] {
    this.#expire();
    return [...this.#logins.values()];
  }

  #expire(): void {
    const oldestMs = this.#clock.nowMs() - this.#limits.knownLoginMs;
    for (const [key, { atMs }] of this.#logins) {
      if (atMs >= oldestMs) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    const login = this.#logins.get(key);
    if (login === undefined) return;
    this.#logins.delete(key);
    const count = (this.#counts.get(login.source) ?? 1) - 1;
    if (count === 0) this.#counts.delete(login.source);
    else this.#counts.set(login.source, count);
  }
}

/** A source has no line feed, so the first one separates the two. */
function keyOf(source: string, username: string): string {
  return `${source}\n${username}`;
}
