import { describe, expect, it } from 'vitest';
import { authenticate } from './authenticate.js';
import { accept, changed, example, exampleCredentials, receive } from './testing/requests.js';
import { presignedRequest, signedRequest } from './testing/signer.js';

const minutes = (count: number) => count * 60_000;

describe('an Authorization header', () => {
  const { request } = signedRequest({ path: '/bucket/key' });
  const authorization = (change: (value: string) => string | null) =>
    changed(request, 'authorization', change);

  it('names the owner of the request', async () => {
    const authenticated = await authenticate(receive(request), exampleCredentials, example.nowMs);
    expect(authenticated.accessKeyId).toBe(example.accessKeyId);
    expect(authenticated.hoistedHeaders).toEqual({});
  });

  it('may be written with or without spaces, in any order', async () => {
    await expect(accept(authorization((value) => value.replaceAll(', ', ',')))).resolves.toBeDefined();
    const [scheme, credential, headers, signature] = (request.headers[3]?.[1] ?? '').split(/,? /);
    await expect(
      accept(authorization(() => `${scheme}   ${signature} ,${headers},  ${credential}`)),
    ).resolves.toBeDefined();
  });

  it.each([
    ['missing', authorization(() => null), 'AccessDenied', 403, /^Access Denied$/],
    ['of version 2', authorization(() => 'AWS AKIA:c2ln'), 'InvalidRequest', 400, /use AWS4-HMAC-SHA256/],
    [
      'of version 4a',
      authorization((value) => value.replace('HMAC', 'ECDSA-P256')),
      'InvalidRequest',
      400,
      /use AWS4-HMAC-SHA256/,
    ],
    [
      'of HTTP',
      authorization(() => 'Basic dXNlcjpwYXNz'),
      'InvalidArgument',
      400,
      /^Unsupported Authorization Type$/,
    ],
    ['empty', authorization(() => ''), 'InvalidArgument', 400, /^Unsupported Authorization Type$/],
    [
      'without a signature',
      authorization((value) => value.replace(/, Signature.*/, '')),
      'AuthorizationHeaderMalformed',
      400,
      /missing Signature/,
    ],
    [
      'without signed headers',
      authorization((value) => value.replace(/SignedHeaders=[^,]*, /, '')),
      'AuthorizationHeaderMalformed',
      400,
      /missing SignedHeaders/,
    ],
    [
      'without a credential',
      authorization((value) => value.replace(/Credential=[^,]*, /, '')),
      'AuthorizationHeaderMalformed',
      400,
      /missing Credential/,
    ],
    [
      'with a component twice',
      authorization((value) => `${value}, Signature=0`),
      'AuthorizationHeaderMalformed',
      400,
      /component "Signature" is malformed/,
    ],
    [
      'with a credential of three fields',
      authorization((value) => value.replace('/s3/aws4_request', '')),
      'AuthorizationHeaderMalformed',
      400,
      /Credential is mal-formed/,
    ],
    [
      'for another service',
      authorization((value) => value.replace('/s3/', '/sqs/')),
      'AuthorizationHeaderMalformed',
      400,
      /incorrect service "sqs"/,
    ],
    [
      'with another terminal',
      authorization((value) => value.replace('aws4_request', 'aws5_request')),
      'AuthorizationHeaderMalformed',
      400,
      /incorrect terminal "aws5_request"/,
    ],
    [
      'with a date that is none',
      authorization((value) => value.replace('20130524', '24.05.13')),
      'AuthorizationHeaderMalformed',
      400,
      /incorrect date format/,
    ],
    [
      'of another day than the request',
      authorization((value) => value.replace('20130524', '20130525')),
      'AuthorizationHeaderMalformed',
      400,
      /not the same as X-Amz-Date/,
    ],
    [
      'of an unknown client',
      authorization((value) => value.replace('AKIA', 'AKIB')),
      'InvalidAccessKeyId',
      403,
      /does not exist in our records/,
    ],
    [
      'made with another secret',
      signedRequest({ path: '/bucket/key', secret: 'guessed' }).request,
      'SignatureDoesNotMatch',
      403,
      /does not match the signature you provided/,
    ],
    [
      'with a signature in capitals',
      authorization((value) => value.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase())),
      'SignatureDoesNotMatch',
      403,
      /does not match/,
    ],
    [
      'with half a signature',
      authorization((value) => value.slice(0, -32)),
      'SignatureDoesNotMatch',
      403,
      /does not match/,
    ],
    [
      'together with a presigned URL',
      { ...request, url: presignedRequest({}).url },
      'InvalidArgument',
      400,
      /^Only one auth mechanism allowed/,
    ],
  ])('is refused if it is %s', async (_, sent, code, status, message) => {
    await expect(accept(sent)).rejects.toMatchObject({
      name: 'S3AuthError',
      code,
      status,
      message: expect.stringMatching(message),
    });
  });

  it('never repeats a secret or an SSE-C key in its refusal', async () => {
    const key = Buffer.alloc(32, 7).toString('base64');
    const { request: sent } = signedRequest({
      secret: 'guessed',
      headers: [['X-Amz-Server-Side-Encryption-Customer-Key', key]],
    });
    const refusal = await accept(sent).catch((error: unknown) => error);
    expect(JSON.stringify([refusal, String(refusal)])).not.toContain(key);
    const basic = await accept(authorization(() => 'Basic cGFzc3dvcmQ=')).catch((error: unknown) => error);
    expect(JSON.stringify([basic, String(basic)])).not.toContain('cGFzc3dvcmQ=');
  });
});

describe('the time of a request', () => {
  const { request } = signedRequest({});

  it.each([-15, 0, 15])('may differ by %i minutes from the server', async (off) => {
    await expect(accept(request, example.nowMs + minutes(off))).resolves.toBeDefined();
  });

  it.each([-15.1, 15.1])('may not differ by %d minutes from the server', async (off) => {
    await expect(accept(request, example.nowMs + minutes(off))).rejects.toMatchObject({
      code: 'RequestTimeTooSkewed',
      status: 403,
      details: { RequestTime: '20130524T000000Z', MaxAllowedSkewMilliseconds: '900000' },
    });
  });

  it('may be in the Date header', async () => {
    const dated = changed(
      signedRequest({ headers: [['Date', 'Fri, 24 May 2013 00:00:00 GMT']] }).request,
      'x-amz-date',
      () => null,
    );
    // The signature does not match, but the time was understood.
    await expect(accept(dated)).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
  });

  it.each(['20130531T250000Z', '20130631T000000Z', 'yesterday', '2013-05-24T00:00:00Z', ''])(
    'may not be %j',
    async (text) => {
      await expect(accept(changed(request, 'x-amz-date', () => text))).rejects.toMatchObject({
        code: 'AccessDenied',
        status: 403,
        message: 'AWS authentication requires a valid Date or x-amz-date header',
      });
    },
  );
});
