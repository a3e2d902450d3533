import type { Checksum, ChecksumAlgorithm } from '../../model/checksum.js';

/** How stretches are put together under one polynomial; its bits are reflected: the highest is x^0. */
class Combination {
  readonly #polynomial: number;
  /** x^(2^n) for every bit that a length in bits can have: lengths up to 2^53 bytes. */
  readonly #powers: readonly number[];
  #lastLength = 0;
  #lastShift = 0x80000000;

  constructor(polynomial: number) {
    this.#polynomial = polynomial;
    const powers = [0x40000000];
    for (let n = 1; n < 57; n += 1) {
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

  /** x^(8 * length): what `length` bytes of zeros do to a CRC. */
  #shiftOf(length: number): number {
    let shift = 0x80000000;
    let rest = length;
    for (let bit = 3; rest > 0; bit += 1) {
      if (rest % 2 === 1) shift = this.#multiply(this.#powers[bit] ?? 0, shift);
      rest = Math.floor(rest / 2);
    }
    return shift;
  }
}

const combinations: Readonly<Record<ChecksumAlgorithm, Combination>> = {
  crc32: new Combination(0xedb88320),
  crc32c: new Combination(0x82f63b78),
};

/**
 * The checksum of two stretches in a row, from that of each and the length of the second in bytes: so that blocks and parts are
 * hashed once, and the object's own checksum costs nothing more. The way of zlib's `crc32_combine`.
 */
export function combineSums(
  algorithm: ChecksumAlgorithm,
  first: number,
  second: number,
  secondLength: number,
): number {
  return combinations[algorithm].combine(first, second, secondLength);
}

/** The checksum of stretches in a row, each of which has its own. */
export class JoinedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  #value = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.algorithm = algorithm;
  }

  /** Throws for a checksum of another algorithm: that is no sum of anything. */
  add({ algorithm, value }: Checksum, length: number): void {
    if (algorithm !== this.algorithm) throw new Error(`${algorithm} cannot be added to ${this.algorithm}`);
    this.#value = combineSums(algorithm, this.#value, value, length);
  }

  get checksum(): Checksum {
    return { algorithm: this.algorithm, value: this.#value };
  }
}
