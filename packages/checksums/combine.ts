/**
 * Combining works as in zlib's `crc32_combine`: n zero bytes after some data multiply its CRC by x^(8n), modulo the
 * polynomial of the CRC. All polynomials are reflected: the topmost bit is the coefficient of x^0.
 */

/** 2^53 bytes, the largest length that a number holds exactly, are 2^56 bits. */
const powerCount = 57;

/** Combines the CRCs of one polynomial of degree 32. */
class Combiner32 {
  readonly #polynomial: number;
  /** x^(2^n) for every bit n of a length in bits. */
  readonly #powers: readonly number[];
  #lastLength = 0;
  #lastShift = 0x80000000;

  constructor(polynomial: number) {
    this.#polynomial = polynomial;
    const powers = [0x40000000];
    for (let n = 1; n < powerCount; n += 1) {
      const last = powers[n - 1] ?? 0;
      powers.push(this.#multiply(last, last));
    }
    this.#powers = powers;
  }

  combine(first: number, second: number, secondLength: number): number {
    if (secondLength !== this.#lastLength) {
      this.#lastShift = this.#shiftOf(secondLength);
      this.#lastLength = secondLength;
    }
    return (this.#multiply(this.#lastShift, first) ^ second) >>> 0;
  }

  /** a(x) * b(x) modulo the polynomial. */
  #multiply(a: number, b: number): number {
    let product = 0;
    let factor = b;
    for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
      if ((a & bit) !== 0) product ^= factor;
      factor = (factor & 1) !== 0 ? (factor >>> 1) ^ this.#polynomial : factor >>> 1;
    }
    return product >>> 0;
  }

  /** x^(8 * length). */
  #shiftOf(length: number): number {
    requireLength(length);
    let shift = 0x80000000;
    for (let bit = 3, rest = length; rest > 0; bit += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) shift = this.#multiply(this.#powers[bit] ?? 0, shift);
    }
    return shift;
  }
}

/** A polynomial of degree below 64, in halves: BigInt is fifty times slower. */
interface Halves {
  readonly high: number;
  readonly low: number;
}

/** Combines the CRCs of one polynomial of degree 64. */
class Combiner64 {
  readonly #polynomial: Halves;
  /** x^(2^n) for every bit n of a length in bits. */
  readonly #powers: readonly Halves[];
  #lastLength = 0;
  #lastShift: Halves = { high: 1 << 31, low: 0 };

  constructor(polynomial: bigint) {
    this.#polynomial = halvesOf(polynomial);
    const powers: Halves[] = [];
    let power: Halves = { high: 1 << 30, low: 0 };
    for (let n = 0; n < powerCount; n += 1) {
      powers.push(power);
      power = this.#multiply(power, power);
    }
    this.#powers = powers;
  }

  combine(first: bigint, second: bigint, secondLength: number): bigint {
    if (secondLength !== this.#lastLength) {
      this.#lastShift = this.#shiftOf(secondLength);
      this.#lastLength = secondLength;
    }
    const { high, low } = this.#multiply(this.#lastShift, halvesOf(first));
    return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) ^ second;
  }

  /** a(x) * b(x) modulo the polynomial: b is multiplied by x for each further coefficient of a. */
  #multiply(a: Halves, b: Halves): Halves {
    const polynomial = this.#polynomial;
    let productHigh = 0;
    let productLow = 0;
    let { high, low } = b;
    for (let index = 0; index < 64; index += 1) {
      const coefficient = index < 32 ? a.high << index : a.low << (index - 32);
      if (coefficient < 0) {
        productHigh ^= high;
        productLow ^= low;
      }
      const overflows = (low & 1) !== 0;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (overflows) {
        high ^= polynomial.high;
        low ^= polynomial.low;
      }
    }
    return { high: productHigh, low: productLow };
  }

  /** x^(8 * length). */
  #shiftOf(length: number): Halves {
    requireLength(length);
    let shift: Halves = { high: 1 << 31, low: 0 };
    for (let bit = 3, rest = length; rest > 0; bit += 1, rest = Math.floor(rest / 2)) {
      const power = this.#powers[bit];
      if (rest % 2 === 1 && power !== undefined) shift = this.#multiply(power, shift);
    }
    return shift;
  }
}

function halvesOf(value: bigint): Halves {
  return { high: Number(value >> 32n) | 0, low: Number(value & 0xffffffffn) | 0 };
}

function requireLength(length: number): void {
  if (Number.isSafeInteger(length) && length >= 0) return;
  throw new RangeError(`cannot combine checksums: ${length} is not a length in bytes`);
}

const ofCrc32 = new Combiner32(0xedb88320);
const ofCrc32c = new Combiner32(0x82f63b78);
const ofCrc64Nvme = new Combiner64(0x9a6c9329ac4bc9b5n);

/**
 * Returns the CRC-32 of two adjacent ranges from the CRC-32 of each and the length of the second in bytes. Repeating a
 * length costs one multiplication.
 *
 * @throws RangeError if the length is not a safe whole number from 0
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  return ofCrc32.combine(first, second, secondLength);
}

/** Combines CRC-32C values, like `combineCrc32`. */
export function combineCrc32c(first: number, second: number, secondLength: number): number {
  return ofCrc32c.combine(first, second, secondLength);
}

/** Combines CRC-64/NVME values, like `combineCrc32`. */
export function combineCrc64Nvme(first: bigint, second: bigint, secondLength: number): bigint {
  return ofCrc64Nvme.combine(first, second, secondLength);
}
