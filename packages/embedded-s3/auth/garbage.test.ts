import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3AuthError } from './authenticate.js';
import { accept, example, type WireRequest } from './testing/requests.js';
import { chunkedRequest, presignedRequest, signedRequest } from './testing/signer.js';

/** Text that looks valid, pieces of it, and noise. */
const text = (...likely: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...likely),
    fc.string({ maxLength: 80, unit: 'binary' }).map((noise) => Buffer.from(noise).toString('latin1')),
    fc
      .tuple(fc.constantFrom(...likely), fc.nat(200), fc.string({ maxLength: 4 }))
      .map(([base, at, noise]) => base.slice(0, at) + noise + base.slice(at + noise.length)),
  );

/** Signed with another secret, so that no input can be valid by chance. */
const secret = 'guessed';
const signed = signedRequest({ method: 'PUT', path: '/bucket/key', query: 'partNumber=1', secret }).request;
const authorization = signed.headers[3]?.[1] ?? '';

const header = fc.oneof(
  fc.tuple(
    fc.constant('Authorization'),
    text(authorization, 'AWS4-HMAC-SHA256 ', 'AWS4-HMAC-SHA256 ,=,;', 'AWS a:b'),
  ),
  fc.tuple(fc.constant('X-Amz-Date'), text(example.timestamp, 'Fri, 24 May 2013 00:00:00 GMT')),
  fc.tuple(
    fc.constant('X-Amz-Content-Sha256'),
    text('UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'),
  ),
  fc.tuple(fc.constant('X-Amz-Decoded-Content-Length'), text('10', '-1', '1e9', '99999999999999999999')),
  fc.tuple(fc.constant('X-Amz-Trailer'), text('x-amz-checksum-crc32', ',,')),
  fc.tuple(fc.constant('Host'), text(example.host)),
  fc.tuple(text('x-amz-meta-a', '__proto__', 'constructor'), text('value')),
);

const garbage: fc.Arbitrary<WireRequest> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'HEAD', ''),
  url: text(
    '/',
    '/bucket/key?partNumber=1',
    presignedRequest({ secret }).url,
    '/?%',
    '?',
    '',
    'http://',
    '/%00?X-Amz-Algorithm',
  ),
  headers: fc.array(header, { maxLength: 8 }),
  body: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
});

describe('garbage', () => {
  it('is refused only in the ways of S3', async () => {
    await fc.assert(
      fc.asyncProperty(garbage, async (request) => {
        await expect(accept(request)).rejects.toBeInstanceOf(S3AuthError);
      }),
      { numRuns: 3000 },
    );
  });

  it('in the body of a signed request is refused or is the payload', async () => {
    const chunked = [
      chunkedRequest([Buffer.alloc(20)], { signed: true }),
      chunkedRequest([Buffer.alloc(20)], { signed: false, trailers: [['x-amz-checksum-crc32', 'y/Q5Jg==']] }),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...chunked),
        fc.nat(),
        fc.uint8Array({ maxLength: 30 }),
        async (request, place, noise) => {
          const body = Buffer.concat(request.body);
          const at = place % body.length;
          body.set(noise.subarray(0, body.length - at), at);
          try {
            expect((await accept({ ...request, body: [body] })).body).toHaveLength(20);
          } catch (error) {
            expect(error).toBeInstanceOf(S3AuthError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

it('a request with any byte changed is refused, or is the same request', async () => {
  const { request } = signedRequest({
    method: 'PUT',
    path: '/bucket/key%20+',
    canonicalPath: '/bucket/key%20%2B',
    query: 'partNumber=1&uploadId=abc',
    headers: [['X-Amz-Meta-A', 'value']],
  });
  const honest = { path: '/bucket/key +', query: 'partNumber=1&uploadId=abc' };
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 0x21, max: 0x7e }), async (place, code) => {
      const at = place % request.url.length;
      const url = request.url.slice(0, at) + String.fromCharCode(code) + request.url.slice(at + 1);
      try {
        await accept({ ...request, url });
      } catch (error) {
        expect(error).toBeInstanceOf(S3AuthError);
        return;
      }
      const [path = '', query] = url.split('?');
      expect({ path: decodeURIComponent(path), query }).toEqual(honest);
    }),
    { numRuns: 1000 },
  );
  for (const [index, [name, value]] of request.headers.entries()) {
    for (let at = 0; at < value.length; at += 1) {
      const other = `${value.slice(0, at)}${value[at] === '0' ? '1' : '0'}${value.slice(at + 1)}`;
      const headers = request.headers.with(index, [name, other]);
      await expect(accept({ ...request, headers })).rejects.toBeInstanceOf(S3AuthError);
    }
  }
});
