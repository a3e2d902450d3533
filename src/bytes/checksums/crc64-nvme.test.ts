import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crc64Nvme, combineCrc64Nvme, crc64NvmeText } from './crc64-nvme.js';

function sumOf(...pieces: readonly Uint8Array[]): bigint {
  const sum = new Crc64Nvme();
  for (const piece of pieces) sum.update(piece);
  return sum.value;
}

/** Bit by bit, as the definition has it. */
function naive(bytes: Uint8Array): bigint {
  let sum = 0xffffffffffffffffn;
  for (const byte of bytes) {
    sum ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1)
      sum = (sum & 1n) !== 0n ? (sum >> 1n) ^ 0x9a6c9329ac4bc9b5n : sum >> 1n;
  }
  return sum ^ 0xffffffffffffffffn;
}

describe('CRC-64/NVME', () => {
  it('gives the check value of its definition', () => {
    expect(sumOf(Buffer.from('123456789'))).toBe(0xae8b14860a799888n);
    expect(crc64NvmeText(0xae8b14860a799888n)).toBe('rosUhgp5mIg=');
    expect(sumOf()).toBe(0n);
  });

  it('is that of the bits, however the bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        expect(sumOf(bytes.subarray(0, at), bytes.subarray(at))).toBe(naive(bytes));
      }),
    );
  });

  it('of two stretches is that of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 }), (first, second) => {
        expect(combineCrc64Nvme(sumOf(first), sumOf(second), second.byteLength)).toBe(sumOf(first, second));
      }),
    );
  });
});
