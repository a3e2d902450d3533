import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChunked, endOfHead, parseHead } from './http-head.js';

const parse = (...lines: readonly string[]) =>
  parseHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));

describe('the head of a response', () => {
  it('has a status, and headers under lower-case names', () => {
    const head = parse(
      'HTTP/1.1 206 Partial Content',
      'ETag: "x"',
      'X-Amz-Meta-A:  b c ',
      'Content-Length: 12',
    );
    expect(head).toMatchObject({ statusCode: 206, reason: 'Partial Content', keepsAlive: true });
    expect({ ...head.headers }).toEqual({ etag: '"x"', 'x-amz-meta-a': 'b c', 'content-length': '12' });
    expect(head.framing).toEqual({ kind: 'length', byteLength: 12 });
  });

  it('joins repeated headers', () => {
    expect(parse('HTTP/1.1 200 OK', 'A: 1', 'a: 2').headers['a']).toBe('1, 2');
  });

  it.each([
    [['HTTP/1.1 403 Forbidden', 'Transfer-Encoding: Chunked'], 'chunked'],
    [['HTTP/1.1 500 x'], 'until-close'],
    [['HTTP/1.1 304 x'], 'length'],
    [['HTTP/1.1 204'], 'length'],
  ])('frames the body: %j', (lines, kind) => {
    expect(parse(...lines).framing.kind).toBe(kind);
  });

  it.each([
    [['HTTP/1.1 200 OK', 'content-length: 0', 'Connection: close'], false],
    [['HTTP/1.1 200 OK', 'content-length: 0', 'Connection: Keep-Alive'], true],
    [['HTTP/1.0 200 OK', 'content-length: 0'], false],
    [['HTTP/1.0 200 OK', 'content-length: 0', 'Connection: keep-alive'], true],
    [['HTTP/1.1 200 OK'], false],
  ])('shows whether the connection stays open: %j', (lines, keepsAlive) => {
    expect(parse(...lines).keepsAlive).toBe(keepsAlive);
  });

  it.each([
    [['SSH-2.0-OpenSSH']],
    [['HTTP/2 200']],
    [['HTTP/1.1 200 OK', 'no colon']],
    [['HTTP/1.1 200 OK', 'bad name: x']],
    [['HTTP/1.1 200 OK', 'content-length: 5, 6']],
    [['HTTP/1.1 200 OK', 'content-length: -1']],
    [['HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked']],
    [['HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked']],
  ])('is refused when malformed: %j', (lines) => {
    expect(() => parse(...lines)).toThrow('not valid HTTP');
  });

  it('ends at the empty line', () => {
    expect(endOfHead(Buffer.from('HTTP/1.1 200 OK\r\nA: b\r\n'))).toBe(-1);
    expect(endOfHead(Buffer.from('HTTP/1.1 200 OK\r\n\r\nbody'))).toBe(19);
  });
});

describe('a chunked body', () => {
  it('is decoded once it is complete, and null before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.boolean(),
        (chunks, trailer) => {
          const encoded = Buffer.concat([
            ...chunks.flatMap((chunk) => [
              Buffer.from(`${chunk.length.toString(16)};ext=1\r\n`),
              chunk,
              Buffer.from('\r\n'),
            ]),
            Buffer.from(trailer ? '0\r\nX-Trailer: 1\r\n\r\n' : '0\r\n\r\n'),
          ]);
          expect(decodeChunked(encoded)).toEqual({
            body: Buffer.concat(chunks),
            encodedBytes: encoded.byteLength,
          });
          for (let cut = 0; cut < encoded.length; cut += 7)
            expect(decodeChunked(encoded.subarray(0, cut))).toBeNull();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is refused when malformed', () => {
    expect(() => decodeChunked(Buffer.from('xyz\r\n'))).toThrow('not valid HTTP');
  });
});
