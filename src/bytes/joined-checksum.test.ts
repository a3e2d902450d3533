import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumAlgorithms } from '../model/checksum.js';
import { combineSums, JoinedChecksum } from './joined-checksum.js';
import { checksumOf } from './running-checksum.js';

describe.each(checksumAlgorithms)('%s', (algorithm) => {
  it('of the whole follows from the checksums of its ranges', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (ranges) => {
        const joined = new JoinedChecksum(algorithm);
        for (const range of ranges) joined.add(checksumOf(algorithm, range), range.byteLength);
        expect(joined.checksum).toEqual(checksumOf(algorithm, Buffer.concat(ranges)));
      }),
    );
  });

  it('takes lengths beyond 32 bits', () => {
    // Shifting by a + b is shifting by a, then by b.
    const [a, b] = [5 * 2 ** 40 + 3, 2 ** 33 + 1];
    const { value } = checksumOf(algorithm, Buffer.from('before'));
    const combine = (first: number, length: number) => combineSums(algorithm, first, 0, length);
    expect(combine(value, a + b)).toBe(combine(combine(value, a), b));
  });
});

it('a joined checksum refuses a checksum of another algorithm', () => {
  const joined = new JoinedChecksum('crc32c');
  expect(() => joined.add({ algorithm: 'crc32', value: 0 }, 1)).toThrow('crc32 cannot be added to crc32c');
});

it('the checksum of several chunks is that of the bytes in a row', () => {
  expect(checksumOf('crc32c', Buffer.from('1234'), Buffer.from('56789')).value).toBe(0xe3069283);
});
