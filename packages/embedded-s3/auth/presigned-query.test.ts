import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { authenticate } from './authenticate.js';
import { accept, example, exampleCredentials, receive, type WireRequest } from './testing/requests.js';
import { presignedRequest } from './testing/signer.js';

const minutes = (count: number) => count * 60_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('a presigned URL', () => {
  it('is accepted, with the headers in its query', async () => {
    const request = receive(
      presignedRequest({
        method: 'PUT',
        query:
          'X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&response-expires=&x-amz-acl=private&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32',
      }),
    );
    const authenticated = await authenticate(request, exampleCredentials, example.nowMs);
    expect(authenticated.hoistedHeaders).toEqual({
      'x-amz-acl': 'private',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    });
  });

  it('is accepted with headers that it names', async () => {
    const request = presignedRequest({ headers: [['X-Amz-Acl', 'private']] });
    await expect(accept(request)).resolves.toBeDefined();
  });

  it('is refused with x-amz- headers that it does not name', async () => {
    const request = presignedRequest({});
    await expect(
      accept({ ...request, headers: [...request.headers, ['x-amz-acl', 'public-read']] }),
    ).rejects.toMatchObject({
      code: 'AccessDenied',
      details: { HeadersNotSigned: 'x-amz-acl' },
    });
  });

  it('requires a body with the hash in its query', async () => {
    const url = {
      method: 'PUT',
      query: `X-Amz-Content-Sha256=${sha256('body')}`,
      contentSha256: sha256('body'),
    };
    const upload = (body: string) =>
      presignedRequest({
        ...url,
        headers: [['Content-Length', String(body.length)]],
        body: [Buffer.from(body)],
      });
    await expect(accept(upload('body'))).resolves.toMatchObject({ decodedLength: 4 });
    await expect(accept(upload('bodi'))).rejects.toMatchObject({ code: 'XAmzContentSHA256Mismatch' });
  });

  it('is valid until its time ends, to the millisecond', async () => {
    const week = presignedRequest({ expires: '604800' });
    const end = example.nowMs + 604_800_000;
    await expect(accept(week, end)).resolves.toBeDefined();
    await expect(accept(week, end + 1)).rejects.toMatchObject({
      code: 'AccessDenied',
      status: 403,
      message: 'Request has expired',
      details: { 'X-Amz-Expires': '604800', Expires: '2013-05-31T00:00:00.000Z' },
    });
  });

  it('is not valid before its time, except for a clock difference of 15 minutes', async () => {
    await expect(accept(presignedRequest({}), example.nowMs - minutes(15))).resolves.toBeDefined();
    await expect(accept(presignedRequest({}), example.nowMs - minutes(16))).rejects.toMatchObject({
      code: 'AccessDenied',
      message: 'Request is not valid yet',
    });
  });

  const without = (parameter: string): WireRequest => {
    const request = presignedRequest({});
    return { ...request, url: request.url.replace(new RegExp(`${parameter}=[^&]*&?`), '') };
  };

  it.each([
    ...['Algorithm', 'Credential', 'Signature', 'Date', 'SignedHeaders', 'Expires'].map(
      (name) =>
        [`without X-Amz-${name}`, without(`X-Amz-${name}`), /requires the X-Amz-Algorithm, /] as const,
    ),
    [
      'of another algorithm',
      presignedRequest({ algorithm: 'AWS4-HMAC-SHA1' }),
      /X-Amz-Algorithm only supports/,
    ],
    ['with a parameter twice', presignedRequest({ query: 'X-Amz-Date=20130525T000000Z' }), /more than once/],
    [
      'with a broken credential',
      presignedRequest({ credential: 'AKIA/20130524' }),
      /Error parsing the X-Amz-Credential/,
    ],
    ['with a date that is none', presignedRequest({ timestamp: '24 May' }), /ISO8601 Long Format/],
    [
      'of another day than its credential',
      presignedRequest({ timestamp: '20130525T000000Z' }),
      /not the same as X-Amz-Date/,
    ],
    ['valid for more than a week', presignedRequest({ expires: '604801' }), /less than a week/],
    ['valid for less than nothing', presignedRequest({ expires: '-1' }), /non-negative/],
    ['valid for a while', presignedRequest({ expires: '1h' }), /should be a number/],
  ] as const)('is refused when it is %s', async (_, request, message) => {
    await expect(accept(request)).rejects.toMatchObject({
      code: 'AuthorizationQueryParametersError',
      status: 400,
      message: expect.stringMatching(message),
    });
  });

  it('of version 2 is refused, naming the version', async () => {
    const url = '/key?AWSAccessKeyId=AKIA&Expires=1369353600&Signature=c2ln';
    await expect(accept({ ...presignedRequest({}), url })).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringContaining('use AWS4-HMAC-SHA256'),
    });
  });

  it('made with another secret is refused', async () => {
    await expect(accept(presignedRequest({ secret: 'guessed' }))).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });
});
