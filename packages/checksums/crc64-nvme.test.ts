import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crc64Nvme, crc64Nvme, crc64NvmeBase64 } from './crc64-nvme.js';
import { crcByDefinition } from './testing/definition.js';

function crcOfPieces(...pieces: readonly Uint8Array[]): bigint {
  const crc = new Crc64Nvme();
  for (const piece of pieces) crc.update(piece);
  return crc.value;
}

describe('CRC-64/NVME', () => {
  it('returns the check value of the catalogue of CRCs', () => {
    expect(crcOfPieces(Buffer.from('123456789'))).toBe(0xae8b14860a799888n);
    expect(crc64NvmeBase64(0xae8b14860a799888n)).toBe('rosUhgp5mIg=');
    expect(crcOfPieces()).toBe(0n);
  });

  it('of 4096 zero bytes and of 4096 bytes of ones is what the NVM Command Set Specification prints', () => {
    expect(crc64Nvme(Buffer.alloc(4096))).toBe(0x6482d367eb22b64en);
    expect(crc64Nvme(Buffer.alloc(4096, 0xff))).toBe(0xc0ddba7302eca3acn);
  });

  it('equals the definition, whatever the pieces, the length and the alignment in memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(7), (bytes, cut, offset) => {
        const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
        shifted.set(bytes);
        const expected = crcByDefinition(64n, 0x9a6c9329ac4bc9b5n, bytes);
        expect(crcOfPieces(shifted.subarray(0, cut), shifted.subarray(cut))).toBe(expected);
        expect(crc64Nvme(shifted)).toBe(expected);
      }),
    );
  });
});
