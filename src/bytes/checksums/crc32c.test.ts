import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, hasNativeCrc32c } from './crc32c.js';
import { crc32cByTable } from './crc32c-table.js';
import { checksumOf } from './sum.js';

/** RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
const known: readonly (readonly [string, Uint8Array, number])[] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes, incrementing', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['32 bytes, decrementing', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
];

const functions = [
  ['the fastest', crc32c],
  ['the table', crc32cByTable],
] as const;

describe.each(functions)('CRC-32C by %s', (_, sum) => {
  it.each(known)('of %s is what the standard says', (_name, bytes, expected) => {
    expect(sum(bytes, 0)).toBe(expected);
  });

  it('goes on where it ended', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (first, second) => {
        expect(sum(second, sum(first, 0))).toBe(sum(Buffer.concat([first, second]), 0));
      }),
    );
  });
});

it('is the same by the processor and by the table, wherever the bytes lie', () => {
  const lies = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(8), fc.nat(2 ** 32 - 1));
  fc.assert(
    fc.property(lies, ([bytes, skipped, previous]) => {
      const view = bytes.subarray(Math.min(skipped, bytes.byteLength));
      expect(crc32c(view, previous)).toBe(crc32cByTable(view, previous));
    }),
  );
});

it('is native on the machines that have a binary', () => {
  expect(hasNativeCrc32c).toBe(true);
  expect(checksumOf('crc32c', Buffer.from('1234'), Buffer.from('56789')).value).toBe(0xe3069283);
});
