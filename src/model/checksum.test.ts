import { expect, it } from 'vitest';
import { type Checksum, checksumText, compareChecksums } from './checksum.js';

const one: Checksum = { algorithm: 'crc32c', value: 1 };

it('compares two checksums of one algorithm, and no others', () => {
  expect(compareChecksums(one, { ...one })).toBe('same');
  expect(compareChecksums(one, { ...one, value: 2 })).toBe('different');
  expect(compareChecksums(one, { ...one, algorithm: 'crc32' })).toBe('not-comparable');
  for (const [a, b] of [
    [one, null],
    [null, one],
    [null, null],
  ] as const) {
    expect(compareChecksums(a, b)).toBe('not-comparable');
  }
});

it('prints a checksum with its name and eight digits', () => {
  expect(checksumText(one)).toBe('CRC-32C 00000001');
});
