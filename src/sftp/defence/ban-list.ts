import type { Ban, BanScope } from '../../model/bans.js';
import type { Clock } from '../../model/call.js';

/** The bans in force, by source. Beyond `maxBans` the oldest ban is forgotten. */
export class BanList {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #maxBans: number;
  readonly #bans = new Map<string, Ban>();

  constructor(maxBans: number, clock: Pick<Clock, 'nowMs'>) {
    this.#maxBans = maxBans;
    this.#clock = clock;
  }

  /** Replaces the source's ban. */
  put(ban: Ban): void {
    this.#bans.delete(ban.source);
    this.#bans.set(ban.source, ban);
    const [oldest] = this.#bans.keys();
    if (this.#bans.size > this.#maxBans && oldest !== undefined) this.#bans.delete(oldest);
  }

  /** Returns whose logins from the source are refused. Returns null if it is not banned. */
  scopeOf(source: string): BanScope | null {
    const ban = this.#bans.get(source);
    if (ban === undefined) return null;
    if (ban.untilMs > this.#clock.nowMs()) return ban.scope;
    this.#bans.delete(source);
    return null;
  }

  /** Returns false if the source is not banned. */
  remove(source: string): boolean {
    const isBanned = this.scopeOf(source) !== null;
    this.#bans.delete(source);
    return isBanned;
  }

  list(): readonly Ban[] {
    return [...this.#bans.values()].filter(({ source }) => this.scopeOf(source) !== null);
  }
}
