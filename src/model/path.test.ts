import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseName, maxPathBytes, normalisePath, normalisePathText, parentPath } from './path.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

describe('normalising a path', () => {
  it.each([
    ['', '/'],
    ['.', '/'],
    ['/', '/'],
    ['//', '/'],
    ['a', '/a'],
    ['/a/b', '/a/b'],
    ['a//b/', '/a/b'],
    ['./a/./b/.', '/a/b'],
    ['/a/../b', '/b'],
    ['..', '/'],
    ['../../a', '/a'],
    ['/a/b/../../../c', '/c'],
    ['/a/...', '/a/...'],
    ['/a/..b/.c', '/a/..b/.c'],
    ['/ a /b ', '/ a /b '],
    ['/é/\u{1f600}', '/é/\u{1f600}'],
    ['\ufeff/a', '/\ufeff/a'],
  ])('%j is %j', (raw, path) => {
    expect(normalisePath(bytes(raw))).toBe(path);
    expect(normalisePathText(raw)).toBe(path);
  });

  it.each([0x00, 0x01, 0x0a, 0x1f, 0x7f])('refuses the control character %d anywhere', (code) => {
    for (const text of [`${String.fromCharCode(code)}a`, `/a${String.fromCharCode(code)}b`]) {
      expect(() => normalisePath(bytes(text))).toThrow(expect.objectContaining({ kind: 'invalid' }));
    }
  });

  it('accepts the characters beside the control characters', () => {
    expect(normalisePath(bytes('/ ~\u0080'))).toBe('/ ~\u0080');
  });

  it.each([
    ['a lone continuation byte', [0x2f, 0x80]],
    ['a cut character', [0x2f, 0xc3]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('refuses %s', (_, raw) => {
    expect(() => normalisePath(Uint8Array.from(raw))).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  it('refuses a path above the limit before it reads it', () => {
    expect(normalisePath(bytes('a'.repeat(maxPathBytes)))).toHaveLength(maxPathBytes + 1);
    expect(() => normalisePath(new Uint8Array(maxPathBytes + 1).fill(0xff))).toThrow(
      /longer than 4096 bytes/,
    );
  });

  it('never leaves the root, and has nothing left to normalise', () => {
    const segment = fc.oneof(fc.constantFrom('', '.', '..', '...', ' '), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const text = segments.join('/').replace(/\p{Cc}/gu, '');
        const path = normalisePathText(text);
        expect(path.startsWith('/')).toBe(true);
        expect(path === '/' || !path.endsWith('/')).toBe(true);
        expect(
          path
            .split('/')
            .slice(1)
            .some((name) => name === '.' || name === '..'),
        ).toBe(false);
        expect(normalisePathText(path)).toBe(path);
      }),
    );
  });
});

describe('the parts of a path', () => {
  it.each([
    ['/', '/', ''],
    ['/a', '/', 'a'],
    ['/a/b', '/a', 'b'],
    ['/a/b/c', '/a/b', 'c'],
  ])('%j is in %j and is called %j', (path, parent, name) => {
    expect(parentPath(path)).toBe(parent);
    expect(baseName(path)).toBe(name);
  });
});
