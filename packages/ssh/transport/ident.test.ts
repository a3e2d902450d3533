import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdentError, readIdent } from './ident.js';

const read = (text: string, maxBytes = 255) => {
  const bytes = Buffer.from(text, 'latin1');
  return readIdent(bytes, 0, bytes.byteLength, maxBytes);
};

describe('identification', () => {
  it('returns the line without CR and LF, and the software', () => {
    expect(read('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nrest')).toEqual({
      line: 'SSH-2.0-OpenSSH_9.2p1 Debian-2',
      software: 'OpenSSH_9.2p1',
      end: 32,
    });
  });

  it('accepts a line that ends with LF alone', () => {
    expect(read('SSH-2.0-x\n')?.line).toBe('SSH-2.0-x');
  });

  it('accepts a comment that is empty', () => {
    expect(read('SSH-2.0-x \r\n')?.line).toBe('SSH-2.0-x ');
  });

  it('is incomplete without LF', () => {
    expect(read('SSH-2.0-x\r')).toBeNull();
    expect(read('')).toBeNull();
  });

  it('does not read beyond the received bytes', () => {
    const bytes = Buffer.from('SSH-2.0-x\r\n');
    expect(readIdent(bytes, 0, 10, 255)).toBeNull();
  });

  it.each([
    ['GET / HTTP/1.1\r\n'],
    ['hello\r\nSSH-2.0-x\r\n'],
    ['SSH-1.5-x\r\n'],
    ['SSH-1.99-x\r\n'],
    ['SSH-2.0-\r\n'],
    ['SSH-2.0- x\r\n'],
    ['ssh-2.0-x\r\n'],
    ['SSH-2.0-x\0y\r\n'],
    ['SSH-2.0-x\ry\r\n'],
    ['SSH-2.0-x\u00e9\r\n'],
    ['\r\n'],
    ['\n'],
    [`SSH-2.0-${'x'.repeat(250)}\r\n`],
    ['x'.repeat(255)],
  ])('refuses %j', (text) => {
    expect(() => read(text)).toThrow(IdentError);
  });

  it('accepts a line of the max length', () => {
    expect(read(`SSH-2.0-${'x'.repeat(245)}\r\n`)?.end).toBe(255);
  });

  it('returns a result or null, or throws IdentError, for arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const ident = readIdent(Buffer.from(bytes), 0, bytes.byteLength, 255);
          expect(ident === null || ident.line.startsWith('SSH-2.0-')).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(IdentError);
        }
      }),
    );
  });
});
