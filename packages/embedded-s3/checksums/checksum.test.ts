import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChecksumAlgorithm, checksumAlgorithms } from './algorithms.js';
import { createChecksum } from './checksum.js';

function hexOf(algorithm: ChecksumAlgorithm, ...chunks: readonly Uint8Array[]): string {
  const checksum = createChecksum(algorithm);
  for (const chunk of chunks) checksum.update(chunk);
  return Buffer.from(checksum.digestBase64(), 'base64').toString('hex');
}

/** The definition, bit by bit: what the sliced tables must agree with. */
function crcByDefinition(width: 32n | 64n, reflected: bigint, bytes: Uint8Array): string {
  const ones = (1n << width) - 1n;
  let register = ones;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) register = (register >> 1n) ^ (register & 1n ? reflected : 0n);
  }
  return (register ^ ones).toString(16).padStart(Number(width) / 4, '0');
}

const definitions = {
  CRC32: (bytes: Uint8Array) => crcByDefinition(32n, 0xedb88320n, bytes),
  CRC32C: (bytes: Uint8Array) => crcByDefinition(32n, 0x82f63b78n, bytes),
  CRC64NVME: (bytes: Uint8Array) => crcByDefinition(64n, 0x9a6c9329ac4bc9b5n, bytes),
};

const nine = Buffer.from('123456789');

describe('a checksum', () => {
  test.each([
    ['CRC32', 'cbf43926'],
    ['CRC32C', 'e3069283'],
    ['CRC64NVME', 'ae8b14860a799888'],
    ['SHA1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    ['SHA256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
  ] as const)('of "123456789" by %s is the published check value', (algorithm, check) => {
    expect(hexOf(algorithm, nine)).toBe(check);
  });

  test('is base64 of the big-endian value, as the headers carry it', () => {
    const crc32 = createChecksum('CRC32');
    crc32.update(nine);
    expect(crc32.digestBase64()).toBe('y/Q5Jg==');
  });

  test.each([
    ['CRC32', 'AAAAAA=='],
    ['CRC32C', 'AAAAAA=='],
    ['CRC64NVME', 'AAAAAAAAAAA='],
    ['SHA1', '2jmj7l5rSw0yVb/vlWAYkK/YBwk='],
    ['SHA256', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ] as const)('of nothing by %s', (algorithm, base64) => {
    expect(createChecksum(algorithm).digestBase64()).toBe(base64);
  });

  test('of 32 zero bytes and of 32 bytes of ones by CRC32C is what RFC 3720 appendix B.4 prints', () => {
    // The RFC prints the bytes in the order they go on the wire, least significant first.
    expect(hexOf('CRC32C', Buffer.alloc(32))).toBe('8a9136aa');
    expect(hexOf('CRC32C', Buffer.alloc(32, 0xff))).toBe('62a8ab43');
  });

  test('of 4096 zero bytes and of 4096 bytes of ones by CRC64NVME is what the NVM Command Set Specification prints', () => {
    expect(hexOf('CRC64NVME', Buffer.alloc(4096))).toBe('6482d367eb22b64e');
    expect(hexOf('CRC64NVME', Buffer.alloc(4096, 0xff))).toBe('c0ddba7302eca3ac');
  });

  test.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    '%s is its definition, whatever the length and the alignment in memory',
    (algorithm) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 7 }), (bytes, offset) => {
          const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
          shifted.set(bytes);
          expect(hexOf(algorithm, shifted)).toBe(definitions[algorithm](bytes));
        }),
      );
    },
  );

  test.each(checksumAlgorithms)('%s does not depend on how the bytes are cut', (algorithm) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        expect(hexOf(algorithm, ...chunks)).toBe(hexOf(algorithm, Buffer.concat(chunks)));
      }),
    );
  });
});
