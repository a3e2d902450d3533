import { wordsOf } from './words.js';

/** Castagnoli's polynomial 0x1edc6f41, reflected (RFC 3720 section 12.1). */
const polynomial = 0x82f63b78;

/**
 * Slicing-by-8 (Kounavis and Berry, 2005): slice n of the table is the CRC of a byte with n zero bytes after it, so
 * that eight bytes are folded in with eight look-ups that do not wait for each other.
 */
const table = ((): Int32Array => {
  const slices = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    slices[byte] = crc;
  }
  for (let i = 256; i < slices.length; i += 1) {
    const before = slices[i - 256] as number;
    slices[i] = (before >>> 8) ^ (slices[before & 0xff] as number);
  }
  return slices;
})();

/** CRC-32C of more bytes, of which `previous` came before, without the processor's instructions. */
export function crc32cByTable(chunk: Uint8Array, previous = 0): number {
  const { head, words, tail } = wordsOf(chunk, 2);
  // The register is inverted: the algorithm starts and ends with all ones.
  let crc = ~previous;
  for (let i = 0; i < head; i += 1) crc = step(crc, chunk[i] as number);
  crc = fold(crc, words);
  for (let i = tail; i < chunk.length; i += 1) crc = step(crc, chunk[i] as number);
  return ~crc >>> 0;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
}

function fold(start: number, words: Int32Array): number {
  let crc = start;
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ (words[i] as number);
    const high = words[i + 1] as number;
    crc =
      (table[1792 + (low & 0xff)] as number) ^
      (table[1536 + ((low >>> 8) & 0xff)] as number) ^
      (table[1280 + ((low >>> 16) & 0xff)] as number) ^
      (table[1024 + (low >>> 24)] as number) ^
      (table[768 + (high & 0xff)] as number) ^
      (table[512 + ((high >>> 8) & 0xff)] as number) ^
      (table[256 + ((high >>> 16) & 0xff)] as number) ^
      (table[high >>> 24] as number);
  }
  return crc;
}
