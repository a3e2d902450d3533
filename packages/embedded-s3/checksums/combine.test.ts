import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChecksumAlgorithm } from './algorithms.js';
import { createChecksum } from './checksum.js';
import { combineCrc, compositeChecksum } from './combine.js';

const crcs = ['CRC32', 'CRC32C', 'CRC64NVME'] as const;

function base64Of(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  const checksum = createChecksum(algorithm);
  checksum.update(bytes);
  return checksum.digestBase64();
}

describe('the FULL_OBJECT checksum', () => {
  it.each(crcs)('by %s from the parts is that of the parts in a row', (algorithm) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5000, size: 'max' }), { maxLength: 6 }), (parts) => {
        const combined = combineCrc(
          algorithm,
          parts.map((bytes) => ({ base64: base64Of(algorithm, bytes), size: bytes.length })),
        );
        expect(combined).toBe(base64Of(algorithm, Buffer.concat(parts)));
      }),
    );
  });

  it.each(crcs)('by %s of ten thousand parts is computed fast', (algorithm) => {
    const bytes = Buffer.alloc(10_000, 'part');
    const parts = Array.from({ length: 10_000 }, (_, i) => ({
      base64: base64Of(algorithm, bytes.subarray(0, i)),
      size: i,
    }));
    const whole = createChecksum(algorithm);
    for (const { size } of parts) whole.update(bytes.subarray(0, size));

    const start = performance.now();
    const combined = combineCrc(algorithm, parts);

    expect(performance.now() - start).toBeLessThan(10_000);
    expect(combined).toBe(whole.digestBase64());
  });

  it.each(crcs)('by %s counts sizes beyond 32 bits', (algorithm) => {
    // The CRC of no bytes is 0: two parts of 2^33 bytes combine like one of 2^34.
    const some = { base64: base64Of(algorithm, Buffer.from('some')), size: 4 };
    const empty = (size: number) => ({ base64: base64Of(algorithm, new Uint8Array()), size });
    const twice = combineCrc(algorithm, [some, empty(2 ** 33), empty(2 ** 33)]);
    expect(twice).toBe(combineCrc(algorithm, [some, empty(2 ** 34)]));
    expect(twice).not.toBe(combineCrc(algorithm, [some, empty(2 ** 33)]));
    expect(twice).not.toBe(combineCrc(algorithm, [some]));
  });

  it('refuses a checksum of another length and an invalid size', () => {
    expect(() => combineCrc('CRC32', [{ base64: 'AAAAAAAAAAA=', size: 1 }])).toThrow(RangeError);
    expect(() => combineCrc('CRC32', [{ base64: 'AAAAAA==', size: 0.5 }])).toThrow(RangeError);
    expect(() => combineCrc('CRC32', [{ base64: 'AAAAAA==', size: -1 }])).toThrow(RangeError);
  });
});

describe('the COMPOSITE checksum', () => {
  it.each([
    ['SHA256', 'sha256'],
    ['SHA1', 'sha1'],
  ] as const)('by %s hashes the digests of the parts and appends their number', (algorithm, hash) => {
    const digests = ['one', 'two'].map((part) => createHash(hash).update(part).digest());
    const expected = createHash(hash).update(Buffer.concat(digests)).digest('base64');
    expect(
      compositeChecksum(
        algorithm,
        digests.map((digest) => digest.toString('base64')),
      ),
    ).toBe(`${expected}-2`);
  });

  it('by CRC32 of one part is the CRC of four bytes', () => {
    expect(compositeChecksum('CRC32', ['y/Q5Jg=='])).toBe(
      `${base64Of('CRC32', Buffer.from('cbf43926', 'hex'))}-1`,
    );
  });

  it('refuses a checksum of another length', () => {
    expect(() => compositeChecksum('CRC32C', ['y/Q5'])).toThrow(RangeError);
  });
});
