import { crc32 as crc32OfZlib } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32OfNode } from './crc32.js';

const functions = [
  ['the fastest', crc32],
  ['Node', crc32OfNode],
] as const;

describe.each(functions)('CRC-32 by %s', (_, sum) => {
  it('of the text of the catalogue of CRCs is its check value', () => {
    expect(sum(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
  });

  it('of parts in a row is that of the whole', () => {
    const bytes = fc.uint8Array({ maxLength: 5000 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(100), (first, second, from) => {
        const part = second.subarray(from);
        expect(sum(part, sum(first, 0))).toBe(crc32OfZlib(Buffer.concat([first, part])));
      }),
    );
  });
});
