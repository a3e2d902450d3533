/** Bits from an offset on: bit N of the big-endian number stands for serial `offset` + N. */
interface Bitmap {
  readonly offset: bigint;
  readonly bits: Buffer;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** A set of certificate serial numbers. Its memory is proportional to the bytes that it was read from. */
export class SerialSet {
  readonly #bitmaps: Bitmap[] = [];
  /** In order and disjoint once `#isSorted` is set. */
  #ranges: Range[] = [];
  #isSorted = true;

  /** Adds the serials from `first` to `last`, both included. */
  addRange(first: bigint, last: bigint): void {
    this.#ranges.push({ first, last });
    this.#isSorted = false;
  }

  /** Adds a bitmap: the magnitude of a big-endian number. */
  addBitmap(offset: bigint, bits: Uint8Array): void {
    this.#bitmaps.push({ offset, bits: Buffer.from(bits) });
  }

  has(serial: bigint): boolean {
    if (this.#bitmaps.some((bitmap) => isSet(bitmap, serial))) return true;
    if (!this.#isSorted) this.#sort();
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range === undefined || serial < range.first) high = middle;
      else if (serial > range.last) low = middle + 1;
      else return true;
    }
    return false;
  }

  #sort(): void {
    const sorted = this.#ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    const merged: Range[] = [];
    for (const range of sorted) {
      const previous = merged.at(-1);
      if (previous === undefined || range.first > previous.last) merged.push(range);
      else if (range.last > previous.last) merged[merged.length - 1] = { ...previous, last: range.last };
    }
    this.#ranges = merged;
    this.#isSorted = true;
  }
}

function isSet({ offset, bits }: Bitmap, serial: bigint): boolean {
  const index = serial - offset;
  if (index < 0n || index >= BigInt(bits.length * 8)) return false;
  const at = Number(index);
  return (((bits[bits.length - 1 - (at >>> 3)] ?? 0) >>> (at & 7)) & 1) === 1;
}
