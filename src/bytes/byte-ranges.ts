import type { ByteRange } from '../model/object-store.js';

/** A set of byte positions, stored as ordered, disjoint ranges. Touching ranges are merged. */
export class ByteRanges {
  #ranges: ByteRange[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** The range with the lowest start, or null if the set is empty. */
  get first(): ByteRange | null {
    return this.#ranges[0] ?? null;
  }

  [Symbol.iterator](): Iterator<ByteRange> {
    return this.#ranges[Symbol.iterator]();
  }

  add(start: number, end: number): void {
    if (start >= end) return;
    const low = this.#firstEndingAtOrAfter(start);
    let high = low;
    let newStart = start;
    let newEnd = end;
    for (let range = this.#ranges[high]; range !== undefined && range.start <= end; ) {
      newStart = Math.min(newStart, range.start);
      newEnd = Math.max(newEnd, range.end);
      high += 1;
      range = this.#ranges[high];
    }
    this.#ranges.splice(low, high - low, { start: newStart, end: newEnd });
  }

  remove(start: number, end: number): void {
    if (start >= end || this.#ranges.length === 0) return;
    const kept: ByteRange[] = [];
    for (const range of this.#ranges) {
      if (range.end <= start || range.start >= end) {
        kept.push(range);
        continue;
      }
      if (range.start < start) kept.push({ start: range.start, end: start });
      if (range.end > end) kept.push({ start: end, end: range.end });
    }
    this.#ranges = kept;
  }

  /** Returns whether every position of the range is in the set. */
  covers(start: number, end: number): boolean {
    if (start >= end) return true;
    const range = this.#ranges[this.#firstEndingAtOrAfter(start)];
    return range !== undefined && range.start <= start && range.end >= end;
  }

  /** Returns the range that holds the position, or the first one behind it; null if there is none. */
  from(position: number): ByteRange | null {
    return this.#ranges[this.#firstEndingAtOrAfter(position + 1)] ?? null;
  }

  #firstEndingAtOrAfter(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && range.end < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
