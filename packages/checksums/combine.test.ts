import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc32, combineCrc32c, combineCrc64Nvme } from './combine.js';
import { crc32 } from './crc32.js';
import { crc32c } from './crc32c.js';
import { crc64Nvme } from './crc64-nvme.js';

/** All three as functions over bigint, so that one suite covers them. */
const algorithms = [
  {
    name: 'CRC-32',
    crc: (bytes: Uint8Array) => BigInt(crc32(bytes, 0)),
    combine: (first: bigint, second: bigint, length: number) =>
      BigInt(combineCrc32(Number(first), Number(second), length)),
  },
  {
    name: 'CRC-32C',
    crc: (bytes: Uint8Array) => BigInt(crc32c(bytes, 0)),
    combine: (first: bigint, second: bigint, length: number) =>
      BigInt(combineCrc32c(Number(first), Number(second), length)),
  },
  { name: 'CRC-64/NVME', crc: crc64Nvme, combine: combineCrc64Nvme },
];

describe.each(algorithms)('combining $name', ({ crc, combine }) => {
  it('returns the value of the whole', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const whole = crc(Buffer.concat([first, second]));
        expect(combine(crc(first), crc(second), second.byteLength)).toBe(whole);
      }),
    );
  });

  it('of many ranges returns the value of the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (ranges) => {
        let combined = 0n;
        for (const range of ranges) combined = combine(combined, crc(range), range.byteLength);
        expect(combined).toBe(crc(Buffer.concat(ranges)));
      }),
    );
  });

  it('takes lengths beyond 32 bits', () => {
    // Shifting by a + b is shifting by a, then by b.
    const [a, b] = [5 * 2 ** 40 + 3, 2 ** 33 + 1];
    const value = crc(Buffer.from('before'));
    expect(combine(value, 0n, a + b)).toBe(combine(combine(value, 0n, a), 0n, b));
    expect(combine(value, 0n, a + b)).not.toBe(combine(value, 0n, a));
  });

  it('refuses lengths that are not whole numbers', () => {
    expect(() => combine(1n, 1n, 0.5)).toThrow(RangeError);
    expect(() => combine(1n, 1n, -1)).toThrow(RangeError);
  });
});
