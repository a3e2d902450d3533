/**
 * The polynomial 0xad93d23594c93659 of the NVM Express NVM Command Set Specification, section 5.2.1.3.4 (64b Guard),
 * reflected. It is kept in halves because JavaScript's bit operators are 32 bits wide, and BigInt is fifty times slower.
 */
const polynomialHigh = 0x9a6c9329;
const polynomialLow = 0xac4bc9b5;

/** Slicing-by-8, as in crc32c-table.ts. The low and the high half of each entry are in a table each. */
const lows = new Uint32Array(8 * 256);
const highs = new Uint32Array(8 * 256);

for (let byte = 0; byte < 256; byte += 1) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    const isOdd = (low & 1) !== 0;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (isOdd) {
      low ^= polynomialLow;
      high ^= polynomialHigh;
    }
  }
  lows[byte] = low;
  highs[byte] = high;
}
for (let index = 256; index < 8 * 256; index += 1) {
  const low = lows[index - 256] ?? 0;
  const high = highs[index - 256] ?? 0;
  lows[index] = (lows[low & 255] ?? 0) ^ ((low >>> 8) | (high << 24));
  highs[index] = (highs[low & 255] ?? 0) ^ (high >>> 8);
}

/** A running CRC-64/NVME. S3 computes this checksum for every object that was uploaded without one. */
export class Crc64Nvme {
  /** The halves of the register, inverted: the algorithm starts and ends with all ones. */
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let position = 0;
    for (const end = bytes.byteLength - 7; position < end; position += 8) {
      const one = low ^ view.getUint32(position, true);
      const two = high ^ view.getUint32(position + 4, true);
      const a = 1792 + (one & 255);
      const b = 1536 + ((one >>> 8) & 255);
      const c = 1280 + ((one >>> 16) & 255);
      const d = 1024 + (one >>> 24);
      const e = 768 + (two & 255);
      const f = 512 + ((two >>> 8) & 255);
      const g = 256 + ((two >>> 16) & 255);
      const h = two >>> 24;
      low = fold(lows, a, b, c, d) ^ fold(lows, e, f, g, h);
      high = fold(highs, a, b, c, d) ^ fold(highs, e, f, g, h);
    }
    for (; position < bytes.byteLength; position += 1) {
      const index = (low ^ (bytes[position] ?? 0)) & 255;
      low = (lows[index] ?? 0) ^ ((low >>> 8) | (high << 24));
      high = (highs[index] ?? 0) ^ (high >>> 8);
    }
    this.#low = low;
    this.#high = high;
  }

  /** The CRC of all bytes so far, unsigned. */
  get value(): bigint {
    return (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0);
  }
}

function fold(table: Uint32Array, a: number, b: number, c: number, d: number): number {
  return (table[a] ?? 0) ^ (table[b] ?? 0) ^ (table[c] ?? 0) ^ (table[d] ?? 0);
}

/** Returns the CRC-64/NVME of the bytes, unsigned. */
export function crc64Nvme(bytes: Uint8Array): bigint {
  const crc = new Crc64Nvme();
  crc.update(bytes);
  return crc.value;
}

/** Returns the CRC as S3 writes it: base64 of its eight bytes, big-endian. */
export function crc64NvmeBase64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes.toString('base64');
}
