import type { Clock } from '../../model/call.js';

interface Demand {
  atMs: number;
  /** Lookups since the directory was listed. */
  lookups: number;
  /** Lookups since then that the listing has answered. */
  answers: number;
  /** Lookups after which the directory is listed again. */
  price: number;
  isListed: boolean;
}

const minPrice = 2;
const maxPrice = 64;
/** Max directories whose lookups are counted. The oldest are forgotten first. */
const capacity = 1_000;

/**
 * Decides when to list a whole directory instead of one name. A page of a listing costs more than one name, so
 * it is worth it only if clients ask for several names. If a page answers fewer lookups than it had to wait
 * for, as in a large directory whose names are asked for in any order, the next one waits for twice as many.
 */
export class ListingDemand {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #directories = new Map<string, Demand>();

  /** After `idleMs` without a lookup the count of a directory starts again. */
  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** Counts a lookup that the listing of the directory has answered. */
  answered(directory: string): void {
    const demand = this.#of(directory);
    demand.lookups += 1;
    demand.answers += 1;
  }

  /** Counts a lookup without an answer. Returns whether to list the directory now. */
  missed(directory: string): boolean {
    const demand = this.#of(directory);
    if (demand.lookups < demand.price) {
      demand.lookups += 1;
      return false;
    }
    const wasUseless = demand.isListed && demand.answers < demand.price;
    demand.price = wasUseless ? Math.min(maxPrice, demand.price * 2) : minPrice;
    demand.lookups = 0;
    demand.answers = 0;
    demand.isListed = true;
    return true;
  }

  #of(directory: string): Demand {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#directories.get(directory);
    const isFresh = known !== undefined && known.atMs + this.#idleMs > nowMs;
    const demand: Demand = isFresh
      ? known
      : { atMs: nowMs, lookups: 0, answers: 0, price: minPrice, isListed: false };
    demand.atMs = nowMs;
    // Deleted first, so that the oldest entries stay at the front of the map.
    this.#directories.delete(directory);
    this.#directories.set(directory, demand);
    for (const oldest of this.#directories.keys()) {
      if (this.#directories.size <= capacity) break;
      this.#directories.delete(oldest);
    }
    return demand;
  }
}
