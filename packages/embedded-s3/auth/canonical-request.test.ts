import { describe, expect, it } from 'vitest';
import { accept } from './testing/requests.js';
import { signedRequest, type Unsigned } from './testing/signer.js';

/**
 * Each request is sent in one form and signed in the canonical form, by a signer that shares no
 * code with the server.
 */
describe('a request is accepted if its canonical form was signed', () => {
  it.each<[string, Unsigned]>([
    ['a plain path', { path: '/bucket/key' }],
    [
      'a path that is encoded once, and not a second time',
      { path: '/a%20b%25c', canonicalPath: '/a%20b%25c' },
    ],
    ['a path with lower-case escapes', { path: '/%c3%bc', canonicalPath: '/%C3%BC' }],
    ['a path with an escaped slash, signed as a slash', { path: '/a%2Fb', canonicalPath: '/a/b' }],
    ['a path with an escaped slash, signed as it is', { path: '/a%2Fb', canonicalPath: '/a%2Fb' }],
    ['a path with escapes it did not need', { path: '/%61%7E', canonicalPath: '/a~' }],
    [
      'a path without escapes it needed',
      { path: "/a+b(c)*!'@:=$,;&", canonicalPath: '/a%2Bb%28c%29%2A%21%27%40%3A%3D%24%2C%3B%26' },
    ],
    ['a path signed as it is, unescaped', { path: '/a(b)', canonicalPath: '/a(b)' }],
    ['a key in UTF-8', { path: '/%F0%9F%90%8E', canonicalPath: '/%F0%9F%90%8E' }],
    ['a key that is not UTF-8', { path: '/%FF%FE', canonicalPath: '/%FF%FE' }],
    ['raw bytes of UTF-8', { path: Buffer.from('/ü').toString('latin1'), canonicalPath: '/%C3%BC' }],
    [
      'dots and empty segments, which are part of a key',
      { path: '/a/../b//./c/', canonicalPath: '/a/../b//./c/' },
    ],
    ['parameters out of order', { query: 'b=2&a=1&B=3', canonicalQuery: 'B=3&a=1&b=2' }],
    ['a parameter several times', { query: 'a=2&a=10&a=1', canonicalQuery: 'a=1&a=10&a=2' }],
    ['parameters whose names begin alike', { query: 'a-b=1&a=2&a.b=3', canonicalQuery: 'a=2&a-b=1&a.b=3' }],
    ['parameters without a value', { query: 'uploads&b=', canonicalQuery: 'b=&uploads=' }],
    ['a value with an equals sign', { query: 'a=b=c', canonicalQuery: 'a=b%3Dc' }],
    ['a plus for a space in the query', { query: 'prefix=a+b', canonicalQuery: 'prefix=a%20b' }],
    ['an escaped plus in the query', { query: 'prefix=a%2bb', canonicalQuery: 'prefix=a%2Bb' }],
    ['a slash in the query', { query: 'delimiter=/', canonicalQuery: 'delimiter=%2F' }],
    ['empty segments in the query', { query: '&a=1&&b=2&', canonicalQuery: 'a=1&b=2' }],
    ['a question mark in the query', { query: 'a=?', canonicalQuery: 'a=%3F' }],
    ['UTF-8 in the query', { query: 'prefix=%c3%bc', canonicalQuery: 'prefix=%C3%BC' }],
    [
      'blanks in a header',
      { headers: [['X-Amz-Meta-A', 'one  \t two']], canonicalHeaders: ['x-amz-meta-a:one two'] },
    ],
    ['an empty header', { headers: [['X-Amz-Meta-A', '']] }],
    [
      'a header several times',
      {
        headers: [
          ['X-Amz-Meta-A', 'b'],
          ['x-amz-meta-a', 'a,c'],
        ],
        canonicalHeaders: ['x-amz-meta-a:b,a,c'],
      },
    ],
    ['a header in ISO 8859-1, signed in UTF-8', { headers: [['X-Amz-Meta-A', 'ü']] }],
    [
      'a header whose last byte is a no-break space in ISO 8859-1',
      {
        headers: [['X-Amz-Meta-A', Buffer.from('voilà').toString('latin1')]],
        canonicalHeaders: ['x-amz-meta-a:voilà'],
      },
    ],
    [
      'a header in UTF-8',
      {
        headers: [['X-Amz-Meta-A', Buffer.from('ü').toString('latin1')]],
        canonicalHeaders: ['x-amz-meta-a:ü'],
      },
    ],
    ['a Content-Length that got lost because it was zero', { canonicalHeaders: ['content-length:0'] }],
    ['another method', { method: 'DELETE', path: '/bucket/key' }],
  ])('%s', async (_, request) => {
    await expect(accept(signedRequest(request).request)).resolves.toMatchObject({ trailers: {} });
  });
});

describe('a request is refused if its signature is for another one', () => {
  const signed = signedRequest({
    path: '/bucket/key',
    query: 'versionId=1',
    headers: [['X-Amz-Meta-A', 'one two']],
  }).request;

  it.each([
    ['path', { ...signed, url: '/bucket/kez?versionId=1' }],
    ['path, by a slash', { ...signed, url: '/bucket//key?versionId=1' }],
    ['query value', { ...signed, url: '/bucket/key?versionId=2' }],
    ['query, by a parameter more', { ...signed, url: '/bucket/key?versionId=1&tagging' }],
    ['query, by a parameter less', { ...signed, url: '/bucket/key' }],
    ['method', { ...signed, method: 'DELETE' }],
    [
      'host',
      { ...signed, headers: signed.headers.map(([n, v]) => [n, n === 'Host' ? 'other' : v] as const) },
    ],
    ['header', { ...signed, headers: [...signed.headers, ['x-amz-meta-a', 'three'] as const] }],
    [
      'header, which is missing',
      { ...signed, headers: signed.headers.filter(([n]) => n !== 'X-Amz-Meta-A') },
    ],
  ])('%s', async (_, request) => {
    await expect(accept(request)).rejects.toMatchObject({ code: 'SignatureDoesNotMatch', status: 403 });
  });

  it('an x-amz- header that the signature does not cover', async () => {
    const request = { ...signed, headers: [...signed.headers, ['x-amz-acl', 'public-read'] as const] };
    await expect(accept(request)).rejects.toMatchObject({
      code: 'AccessDenied',
      message: 'There were headers present in the request which were not signed',
      details: { HeadersNotSigned: 'x-amz-acl' },
    });
  });

  it('a header that need not be signed may be added', async () => {
    const request = {
      ...signed,
      headers: [...signed.headers, ['User-Agent', 'proxy'] as const, ['X-Amzn-Trace-Id', '1'] as const],
    };
    await expect(accept(request)).resolves.toBeDefined();
  });

  it('the host is not signed', async () => {
    const headers = signed.headers.map(([name, value]) => [name, value.replace('host;', '')] as const);
    await expect(accept({ ...signed, headers })).rejects.toMatchObject({
      code: 'AccessDenied',
      details: { HeadersNotSigned: 'host' },
    });
  });
});

it('a percent sign without two hexadecimal digits is an invalid URI', async () => {
  for (const url of ['/100%', '/%zz', '/?a=%1', '/?%=a']) {
    const { request } = signedRequest({});
    await expect(accept({ ...request, url })).rejects.toMatchObject({ code: 'InvalidURI', status: 400 });
  }
});

it('a target in absolute form, as proxies send it, is the same as its path', async () => {
  const { request } = signedRequest({ path: '/bucket/key', query: 'a=1' });
  await expect(accept({ ...request, url: `http://proxied:1234${request.url}` })).resolves.toBeDefined();
});
