import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { combineCrc32 } from './crc32-combine.js';

it('gives the CRC-32 of the whole from those of its stretches', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (stretches) => {
      const combined = stretches.reduce(
        (crc, stretch) => combineCrc32(crc, crc32(stretch), stretch.byteLength),
        0,
      );
      expect(combined).toBe(crc32(Buffer.concat(stretches)));
    }),
  );
});

it('takes lengths beyond 32 bits', () => {
  // Zeros behind zeros: a CRC of 0 stays 0 when nothing precedes it, and shifting by a + b is shifting by a, then by b.
  const [a, b] = [5 * 2 ** 40 + 3, 2 ** 33 + 1];
  const crc = crc32(Buffer.from('before'));
  expect(combineCrc32(crc, 0, a + b)).toBe(combineCrc32(combineCrc32(crc, 0, a), 0, b));
});
