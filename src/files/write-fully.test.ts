import type { FileHandle } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hasCode, isAbsence } from './system-errors.js';
import { writeFully } from './write-fully.js';

it('writes every byte at its position, however few a single call writes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(40),
      fc.integer({ min: 1, max: 7 }),
      async (bytes, at, few) => {
        const disk = Buffer.alloc(100, 0xee);
        const write = async (source: Uint8Array, from: number, length: number, position: number) => {
          const bytesWritten = Math.min(few, length);
          disk.set(source.subarray(from, from + bytesWritten), position);
          return { bytesWritten };
        };
        await writeFully({ write } as unknown as FileHandle, bytes, at);
        const expected = Buffer.alloc(100, 0xee);
        expected.set(bytes, at);
        expect(disk.equals(expected)).toBe(true);
      },
    ),
  );
});

it('recognises the codes of system errors, and nothing else', () => {
  const coded = (code: unknown) => Object.assign(new Error('x'), { code });
  expect(hasCode(coded('ENOENT'), 'EEXIST', 'ENOENT')).toBe(true);
  expect(hasCode(coded('ENOENT'), 'EEXIST')).toBe(false);
  expect(hasCode(coded('ENOENT'))).toBe(false);
  for (const odd of [null, 'ENOENT', { code: 'ENOENT' }, new Error('ENOENT')])
    expect(hasCode(odd, 'ENOENT')).toBe(false);
  for (const code of ['ENOENT', 'ENOTDIR']) expect(isAbsence(coded(code))).toBe(true);
  for (const code of ['EACCES', 'EIO', undefined]) expect(isAbsence(coded(code))).toBe(false);
});
