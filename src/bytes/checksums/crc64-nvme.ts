/** CRC-64/NVME, which S3 keeps of every object that came without another checksum: the polynomial with its bits reflected. */
const polynomialHigh = 0x9a6c9329;
const polynomialLow = 0xac4bc9b5;

/** Eight tables of 256: what a byte does to the sum when it is followed by 0 to 7 others. */
const low = new Uint32Array(8 * 256);
const high = new Uint32Array(8 * 256);

for (let byte = 0; byte < 256; byte += 1) {
  let sumLow = byte;
  let sumHigh = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    const isOdd = (sumLow & 1) !== 0;
    sumLow = (sumLow >>> 1) | (sumHigh << 31);
    sumHigh >>>= 1;
    if (isOdd) {
      sumLow ^= polynomialLow;
      sumHigh ^= polynomialHigh;
    }
  }
  low[byte] = sumLow;
  high[byte] = sumHigh;
}
for (let index = 256; index < 8 * 256; index += 1) {
  const before = index - 256;
  const sumLow = low[before] ?? 0;
  const sumHigh = high[before] ?? 0;
  low[index] = (low[sumLow & 255] ?? 0) ^ ((sumLow >>> 8) | (sumHigh << 24));
  high[index] = (high[sumLow & 255] ?? 0) ^ (sumHigh >>> 8);
}

/** A running CRC-64/NVME. */
export class Crc64Nvme {
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes: Uint8Array): void {
    let sumLow = this.#low;
    let sumHigh = this.#high;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (const end = bytes.byteLength - 7; at < end; at += 8) {
      const one = sumLow ^ view.getUint32(at, true);
      const two = sumHigh ^ view.getUint32(at + 4, true);
      const a = 1792 + (one & 255);
      const b = 1536 + ((one >>> 8) & 255);
      const c = 1280 + ((one >>> 16) & 255);
      const d = 1024 + (one >>> 24);
      const e = 768 + (two & 255);
      const f = 512 + ((two >>> 8) & 255);
      const g = 256 + ((two >>> 16) & 255);
      const h = two >>> 24;
      sumLow = at8(low, a, b, c, d) ^ at8(low, e, f, g, h);
      sumHigh = at8(high, a, b, c, d) ^ at8(high, e, f, g, h);
    }
    for (; at < bytes.byteLength; at += 1) {
      const index = (sumLow ^ (bytes[at] ?? 0)) & 255;
      sumLow = (low[index] ?? 0) ^ ((sumLow >>> 8) | (sumHigh << 24));
      sumHigh = (high[index] ?? 0) ^ (sumHigh >>> 8);
    }
    this.#low = sumLow;
    this.#high = sumHigh;
  }

  get value(): bigint {
    return (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0);
  }
}

function at8(table: Uint32Array, a: number, b: number, c: number, d: number): number {
  return (table[a] ?? 0) ^ (table[b] ?? 0) ^ (table[c] ?? 0) ^ (table[d] ?? 0);
}

const polynomial = (BigInt(polynomialHigh) << 32n) | BigInt(polynomialLow);
const one = 1n << 63n;

/** a(x) * b(x) modulo the polynomial, reflected: the highest bit is x^0. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  let factor = b;
  for (let bit = one; bit !== 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= factor;
    factor = (factor & 1n) !== 0n ? (factor >> 1n) ^ polynomial : factor >> 1n;
  }
  return product;
}

/** The CRC-64/NVME of two stretches in a row, from that of each and the length of the second in bytes. */
export function combineCrc64Nvme(first: bigint, second: bigint, secondLength: number): bigint {
  let shift = one;
  let power = one >> 1n;
  for (let bits = BigInt(secondLength) * 8n; bits > 0n; bits >>= 1n) {
    if ((bits & 1n) !== 0n) shift = multiply(power, shift);
    power = multiply(power, power);
  }
  return multiply(shift, first) ^ second;
}

/** As S3 writes it: base64 of its eight bytes, the highest first. */
export function crc64NvmeText(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes.toString('base64');
}
