import { describe, expect, it } from 'vitest';
import type { S3Error } from './errors.js';
import { resolveRange } from './ranges.js';

describe('a Range header', () => {
  const size = 1000;
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=10-19', { start: 10, end: 20 }],
    ['bytes=999-', { start: 999, end: 1000 }],
    ['bytes=0-99999', { start: 0, end: 1000 }],
    ['bytes=-1', { start: 999, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
  ])('%s requests a part', (header, range) => expect(resolveRange(header, size)).toEqual(range));

  it.each([undefined, 'bytes=', 'bytes=-', 'bytes=5-1', 'bytes=0-1,5-6', 'lines=0-1', 'bytes=a-b'])(
    '%s asks for the whole',
    (header) => expect(resolveRange(header, size)).toBeNull(),
  );

  it.each([
    ['bytes=1000-', 1000],
    ['bytes=-0', 1000],
    ['bytes=0-', 0],
    ['bytes=-1', 0],
  ])('%s of %d bytes has no byte: 416', (header, length) => {
    expect(() => resolveRange(header, length)).toThrow(
      expect.objectContaining({ status: 416, code: 'InvalidRange' }) as S3Error,
    );
  });
});
