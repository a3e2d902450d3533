import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumAlgorithms } from '../../model/checksum.js';
import { combineSums, JoinedChecksum } from './combine.js';
import { checksumOf } from './sum.js';

describe.each(checksumAlgorithms)('%s', (algorithm) => {
  it('of the whole comes from those of its stretches', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (stretches) => {
        const joined = new JoinedChecksum(algorithm);
        for (const stretch of stretches) joined.add(checksumOf(algorithm, stretch), stretch.byteLength);
        expect(joined.checksum).toEqual(checksumOf(algorithm, Buffer.concat(stretches)));
      }),
    );
  });

  it('takes lengths beyond 32 bits', () => {
    // Zeros behind zeros: a CRC of 0 stays 0 when nothing precedes it, and shifting by a + b is shifting by a, then by b.
    const [a, b] = [5 * 2 ** 40 + 3, 2 ** 33 + 1];
    const { value } = checksumOf(algorithm, Buffer.from('before'));
    const combine = (first: number, length: number) => combineSums(algorithm, first, 0, length);
    expect(combine(value, a + b)).toBe(combine(combine(value, a), b));
  });
});

it('adds no checksum of another algorithm', () => {
  const joined = new JoinedChecksum('crc32c');
  expect(() => joined.add({ algorithm: 'crc32', value: 0 }, 1)).toThrow('crc32 cannot be added to crc32c');
});
