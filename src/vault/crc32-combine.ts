/** The CRC-32 polynomial of IEEE 802.3, bits reflected, as zlib has it. */
const polynomial = 0xedb88320;

/** a(x) * b(x) modulo the polynomial, reflected: the highest bit is x^0. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) !== 0 ? (factor >>> 1) ^ polynomial : factor >>> 1;
  }
  return product >>> 0;
}

/** x^(2^n) for every bit that a length in bits can have: lengths up to 2^53 bytes. */
const powers: readonly number[] = (() => {
  const table = [0x40000000];
  for (let n = 1; n < 57; n += 1) {
    const last = table[n - 1] ?? 0;
    table.push(multiply(last, last));
  }
  return table;
})();

/** x^(8 * length): what `length` bytes of zeros do to a CRC. */
function shiftOf(length: number): number {
  let shift = 0x80000000;
  let rest = length;
  for (let bit = 3; rest > 0; bit += 1) {
    if (rest % 2 === 1) shift = multiply(powers[bit] ?? 0, shift);
    rest = Math.floor(rest / 2);
  }
  return shift;
}

let lastLength = 0;
let lastShift = 0x80000000;

/**
 * The CRC-32 of two stretches in a row, from the CRC-32 of each and the length of the second in bytes: so that blocks
 * and parts are hashed once, and the object's own CRC-32 costs nothing more. The way of zlib's `crc32_combine`.
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  if (secondLength !== lastLength) {
    lastShift = shiftOf(secondLength);
    lastLength = secondLength;
  }
  return (multiply(lastShift, first) ^ second) >>> 0;
}
