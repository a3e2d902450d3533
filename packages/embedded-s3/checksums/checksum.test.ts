import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChecksumAlgorithm, checksumAlgorithms } from './algorithms.js';
import { createChecksum } from './checksum.js';

function hexOf(algorithm: ChecksumAlgorithm, ...chunks: readonly Uint8Array[]): string {
  const checksum = createChecksum(algorithm);
  for (const chunk of chunks) checksum.update(chunk);
  return Buffer.from(checksum.digestBase64(), 'base64').toString('hex');
}

const nine = Buffer.from('123456789');

describe('a checksum', () => {
  it.each([
    ['CRC32', 'cbf43926'],
    ['CRC32C', 'e3069283'],
    ['CRC64NVME', 'ae8b14860a799888'],
    ['SHA1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    ['SHA256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
  ] as const)('of "123456789" by %s is the published check value', (algorithm, check) => {
    expect(hexOf(algorithm, nine)).toBe(check);
  });

  it('is base64 of the big-endian value, as in the headers', () => {
    const crc32 = createChecksum('CRC32');
    crc32.update(nine);
    expect(crc32.digestBase64()).toBe('y/Q5Jg==');
  });

  it.each([
    ['CRC32', 'AAAAAA=='],
    ['CRC32C', 'AAAAAA=='],
    ['CRC64NVME', 'AAAAAAAAAAA='],
    ['SHA1', '2jmj7l5rSw0yVb/vlWAYkK/YBwk='],
    ['SHA256', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ] as const)('of no bytes by %s', (algorithm, base64) => {
    expect(createChecksum(algorithm).digestBase64()).toBe(base64);
  });

  it.each(checksumAlgorithms)('%s does not depend on how the bytes are cut', (algorithm) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        expect(hexOf(algorithm, ...chunks)).toBe(hexOf(algorithm, Buffer.concat(chunks)));
      }),
    );
  });
});
