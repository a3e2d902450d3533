import type { Clock } from '../../model/call.js';

/** One that holds memory of what may be read next, and can do without it. */
export interface ReadAheadHolder {
  /** Gives up what nobody waits for. Called only when it was not used for a while. */
  giveUpReadAhead(): void;
}

/** A reader that nobody read from for so long has its read-ahead taken when another needs the memory. */
const idleMs = 1000;

/** The memory of all readers' ranges: what is fetched ahead keeps to it, what a client waits for may go beyond. */
export class ReadMemory {
  readonly #totalBytes: number;
  readonly #clock: Clock;
  /** Least recently used first, with the time of the last use. */
  readonly #holders = new Map<ReadAheadHolder, number>();
  #usedBytes = 0;

  constructor(totalBytes: number, clock: Clock) {
    this.#totalBytes = totalBytes;
    this.#clock = clock;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  isShortOf(bytes: number): boolean {
    return this.#usedBytes + bytes > this.#totalBytes;
  }

  /** Notes that a reader is in use. */
  touch(holder: ReadAheadHolder): void {
    this.#holders.delete(holder);
    this.#holders.set(holder, this.#clock.monotonicMs());
  }

  forget(holder: ReadAheadHolder): void {
    this.#holders.delete(holder);
  }

  /** Takes memory for read-ahead, if need be from readers that are idle. False when there is none. */
  tryTake(bytes: number): boolean {
    if (this.isShortOf(bytes)) this.#reclaim(bytes);
    if (this.isShortOf(bytes)) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Takes memory for what a client waits for. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  #reclaim(bytes: number): void {
    const before = this.#clock.monotonicMs() - idleMs;
    for (const [holder, usedMs] of this.#holders) {
      if (usedMs > before || !this.isShortOf(bytes)) return;
      holder.giveUpReadAhead();
    }
  }
}
