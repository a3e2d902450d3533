import { type CompositeAlgorithm, type CrcAlgorithm, checksumLength } from './algorithms.js';
import { createChecksum } from './checksum.js';

/** What a part contributes: its checksum in base64 and its length in bytes. */
export interface ChecksummedPart {
  readonly base64: string;
  readonly size: number;
}

/**
 * The FULL_OBJECT checksum, in base64, of the parts laid end to end, from their own checksums; none of their bytes is
 * read again. Ten thousand parts take less than a tenth of a second.
 *
 * @throws RangeError when a checksum has not the algorithm's length or a size is not a whole number
 */
export function combineCrc(algorithm: CrcAlgorithm, parts: readonly ChecksummedPart[]): string {
  const modulus = moduli[algorithm];
  const shifts = new Map<number, Polynomial>();
  let whole: Polynomial = { high: 0, low: 0 };
  for (const { base64, size } of parts) {
    let shift = shifts.get(size);
    if (shift === undefined) {
      shift = powerOfX(modulus, size);
      shifts.set(size, shift);
    }
    const part = decode(algorithm, base64);
    const moved = multiply(modulus, shift, whole);
    whole = { high: moved.high ^ part.high, low: moved.low ^ part.low };
  }
  const bytes = Buffer.alloc(8);
  bytes.writeInt32BE(whole.high, 0);
  bytes.writeInt32BE(whole.low, 4);
  return bytes.toString('base64', 0, checksumLength[algorithm]);
}

/**
 * The COMPOSITE checksum: the checksum over the parts' checksums, in base64, a hyphen and the number of parts.
 *
 * @throws RangeError when a part's checksum has not the algorithm's length
 */
export function compositeChecksum(algorithm: CompositeAlgorithm, partsBase64: readonly string[]): string {
  const checksum = createChecksum(algorithm);
  for (const base64 of partsBase64) checksum.update(rawChecksum(algorithm, base64));
  return `${checksum.digestBase64()}-${partsBase64.length}`;
}

/**
 * A polynomial over GF(2) of degree below 64, reflected as the CRCs are: the topmost bit is the coefficient of x^0.
 * A CRC of 32 bits lies in `high`, with `low` zero.
 */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

/** What a CRC computes modulo of, without its leading term, and x^(2^k) modulo it for every k. */
interface Modulus extends Polynomial {
  readonly degree: 32 | 64;
  readonly squares: Polynomial[];
}

const moduli: Readonly<Record<CrcAlgorithm, Modulus>> = {
  CRC32: modulus(32, 0xedb88320, 0),
  CRC32C: modulus(32, 0x82f63b78, 0),
  CRC64NVME: modulus(64, 0x9a6c9329, 0xac4bc9b5),
};

function modulus(degree: 32 | 64, high: number, low: number): Modulus {
  const made: Modulus = { degree, high, low, squares: [] };
  let square: Polynomial = { high: 1 << 30, low: 0 };
  // 2^53 bytes, the greatest length a number holds exactly, are 2^56 bits.
  for (let k = 0; k <= 56; k += 1) {
    made.squares.push(square);
    square = multiply(made, square, square);
  }
  return made;
}

/** a * b, by shift and add: b is multiplied by x for each further coefficient of a. */
function multiply({ degree, high, low }: Modulus, a: Polynomial, b: Polynomial): Polynomial {
  let productHigh = 0;
  let productLow = 0;
  let bHigh = b.high;
  let bLow = b.low;
  for (let i = 0; i < degree; i += 1) {
    const coefficient = i < 32 ? a.high << i : a.low << (i - 32);
    if (coefficient < 0) {
      productHigh ^= bHigh;
      productLow ^= bLow;
    }
    const overflows = (degree === 64 ? bLow : bHigh) & 1;
    if (degree === 64) bLow = (bLow >>> 1) | (bHigh << 31);
    bHigh >>>= 1;
    if (overflows) {
      bHigh ^= high;
      bLow ^= low;
    }
  }
  return { high: productHigh, low: productLow };
}

/** x^(8 * bytes): multiplying a CRC by it is what `bytes` zero bytes behind the data do to it. */
function powerOfX(of: Modulus, bytes: number): Polynomial {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`a part's size is ${bytes} bytes`);
  let power: Polynomial = { high: 1 << 31, low: 0 };
  for (let k = 3, rest = bytes; rest > 0; k += 1, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(of, of.squares[k] as Polynomial, power);
  }
  return power;
}

function decode(algorithm: CrcAlgorithm, base64: string): Polynomial {
  const bytes = rawChecksum(algorithm, base64);
  return { high: bytes.readInt32BE(0), low: bytes.length === 8 ? bytes.readInt32BE(4) : 0 };
}

function rawChecksum(algorithm: CrcAlgorithm | CompositeAlgorithm, base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== checksumLength[algorithm]) {
    throw new RangeError(
      `a ${algorithm} checksum has ${checksumLength[algorithm]} bytes, not ${bytes.length}`,
    );
  }
  return bytes;
}
