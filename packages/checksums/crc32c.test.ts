import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, hasNativeCrc32c } from './crc32c.js';
import { crc32cByTable } from './crc32c-table.js';
import { crcByDefinition } from './testing/definition.js';

/** RFC 3720, appendix B.4 (printed least significant byte first), and the check value in the catalogue of CRCs. */
const known: readonly (readonly [string, Uint8Array, number])[] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes, incrementing', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['32 bytes, decrementing', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['no bytes', new Uint8Array(0), 0],
];

const functions = [
  ['the fastest', crc32c],
  ['the table', crc32cByTable],
] as const;

describe.each(functions)('CRC-32C by %s', (_, crc) => {
  it.each(known)('of %s is the published value', (_name, bytes, expected) => {
    expect(crc(bytes, 0)).toBe(expected);
  });

  it('continues from the previous value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (first, second) => {
        expect(crc(second, crc(first, 0))).toBe(crc(Buffer.concat([first, second]), 0));
      }),
    );
  });

  it('equals the definition, whatever the length and the alignment in memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 7 }), (bytes, offset) => {
        const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
        shifted.set(bytes);
        expect(BigInt(crc(shifted, 0))).toBe(crcByDefinition(32n, 0x82f63b78n, bytes));
      }),
    );
  });
});

it('CRC-32C by the processor equals CRC-32C by the table, whatever the alignment in memory', () => {
  const inputs = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(8), fc.nat(2 ** 32 - 1));
  fc.assert(
    fc.property(inputs, ([bytes, skipped, previous]) => {
      const view = bytes.subarray(Math.min(skipped, bytes.byteLength));
      expect(crc32c(view, previous)).toBe(crc32cByTable(view, previous));
    }),
  );
});

it('CRC-32C is native on machines that have a binary', () => {
  expect(hasNativeCrc32c).toBe(true);
  expect(crc32c(Buffer.from('56789'), crc32c(Buffer.from('1234'), 0))).toBe(0xe3069283);
});
