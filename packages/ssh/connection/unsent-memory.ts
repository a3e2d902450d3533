/** The part of the bound above which backlogs count more than they are. */
const calmPart = 1 / 2;
const maxWeight = 64;

/**
 * The bytes that wait to be sent on all channels of a server. When they approach their bound, `weight` grows, and with it the backlog
 * that each channel reports: applications that wait for a backlog to fall then wait earlier.
 */
export class UnsentMemory {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds bytes, or removes them if the number is negative. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** 1 up to half of the bound, then more, 64 at the bound. */
  get weight(): number {
    const free = 1 - this.#bytes / this.#maxBytes;
    if (free >= calmPart) return 1;
    return free <= calmPart / maxWeight ? maxWeight : calmPart / free;
  }
}
