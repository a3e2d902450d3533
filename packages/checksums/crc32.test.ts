import { crc32 as crc32OfZlib } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32OfNode } from './crc32.js';
import { crcByDefinition } from './testing/definition.js';

const functions = [
  ['the fastest', crc32],
  ['Node', crc32OfNode],
] as const;

describe.each(functions)('CRC-32 by %s', (_, crc) => {
  it('returns the check value of the catalogue of CRCs', () => {
    expect(crc(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
  });

  it('of the pieces is that of the whole', () => {
    const bytes = fc.uint8Array({ maxLength: 5000 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(100), (first, second, from) => {
        const piece = second.subarray(from);
        expect(crc(piece, crc(first, 0))).toBe(crc32OfZlib(Buffer.concat([first, piece])));
      }),
    );
  });

  it('equals the definition, whatever the length and the alignment in memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 7 }), (bytes, offset) => {
        const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
        shifted.set(bytes);
        expect(BigInt(crc(shifted, 0))).toBe(crcByDefinition(32n, 0xedb88320n, bytes));
      }),
    );
  });
});
