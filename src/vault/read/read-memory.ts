import type { Clock } from '../../model/call.js';

/** A holder of read-ahead memory that can release it. */
export interface ReadAheadHolder {
  /** Releases ranges that no read waits for. Called only after an idle time. */
  dropReadAhead(): void;
}

/** After this idle time a reader loses its read-ahead if another reader needs the memory. */
const idleMs = 1000;

/**
 * The memory of all readers' ranges. Read-ahead stays within it; ranges that a client waits for may exceed
 * it.
 */
export class ReadMemory {
  readonly #totalBytes: number;
  readonly #clock: Clock;
  /** Least recently used first, with the time of last use. */
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

  /** Marks a reader as used now. */
  touch(holder: ReadAheadHolder): void {
    this.#holders.delete(holder);
    this.#holders.set(holder, this.#clock.monotonicMs());
  }

  forget(holder: ReadAheadHolder): void {
    this.#holders.delete(holder);
  }

  /**
   * Reserves memory for read-ahead, taking it from idle readers if necessary. Returns false if there is not
   * enough.
   */
  tryTake(bytes: number): boolean {
    if (this.isShortOf(bytes)) this.#reclaim(bytes);
    if (this.isShortOf(bytes)) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Reserves memory for a range that a client waits for. */
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
      holder.dropReadAhead();
    }
  }
}
