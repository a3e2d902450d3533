import { wordsOf } from './words.js';

/**
 * The polynomial 0xad93d23594c93659 of the NVM Express NVM Command Set Specification, section 5.2.1.3.4 (64b Guard),
 * reflected, in halves: JavaScript's bit operators are 32 bits wide, and BigInt is fifty times too slow here.
 */
const polynomialLow = 0xac4bc9b5;
const polynomialHigh = 0x9a6c9329;

/** Slicing-by-8, as in `crc32c.ts`; the entry's low and high half lie in a table each. */
const [lows, highs] = ((): [Int32Array, Int32Array] => {
  const low = new Int32Array(8 * 256);
  const high = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let l = byte;
    let h = 0;
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = l & 1;
      l = ((l >>> 1) | (h << 31)) ^ (carry ? polynomialLow : 0);
      h = (h >>> 1) ^ (carry ? polynomialHigh : 0);
    }
    low[byte] = l;
    high[byte] = h;
  }
  for (let i = 256; i < low.length; i += 1) {
    const l = low[i - 256] as number;
    const h = high[i - 256] as number;
    low[i] = ((l >>> 8) | (h << 24)) ^ (low[l & 0xff] as number);
    high[i] = (h >>> 8) ^ (high[l & 0xff] as number);
  }
  return [low, high];
})();

/** CRC-64/NVME, fed as the bytes pass. */
export class Crc64Nvme {
  /** The register's halves, inverted as the algorithm starts and ends with all ones. */
  #low = -1;
  #high = -1;

  update(chunk: Uint8Array): void {
    const { head, words, tail } = wordsOf(chunk, 2);
    this.#step(chunk, 0, head);
    this.#fold(words);
    this.#step(chunk, tail, chunk.length);
  }

  digestBase64(): string {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeInt32BE(~this.#high, 0);
    bytes.writeInt32BE(~this.#low, 4);
    return bytes.toString('base64');
  }

  #step(chunk: Uint8Array, from: number, to: number): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = from; i < to; i += 1) {
      const index = (low ^ (chunk[i] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (lows[index] as number);
      high = (high >>> 8) ^ (highs[index] as number);
    }
    this.#low = low;
    this.#high = high;
  }

  #fold(words: Int32Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < words.length; i += 2) {
      low ^= words[i] as number;
      high ^= words[i + 1] as number;
      const a = 1792 + (low & 0xff);
      const b = 1536 + ((low >>> 8) & 0xff);
      const c = 1280 + ((low >>> 16) & 0xff);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 0xff);
      const f = 512 + ((high >>> 8) & 0xff);
      const g = 256 + ((high >>> 16) & 0xff);
      const h = high >>> 24;
      low =
        (lows[a] as number) ^
        (lows[b] as number) ^
        (lows[c] as number) ^
        (lows[d] as number) ^
        (lows[e] as number) ^
        (lows[f] as number) ^
        (lows[g] as number) ^
        (lows[h] as number);
      high =
        (highs[a] as number) ^
        (highs[b] as number) ^
        (highs[c] as number) ^
        (highs[d] as number) ^
        (highs[e] as number) ^
        (highs[f] as number) ^
        (highs[g] as number) ^
        (highs[h] as number);
    }
    this.#low = low;
    this.#high = high;
  }
}
