import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { authenticate } from './authenticate.js';
import { accept, example, exampleCredentials, receive, type WireRequest } from './testing/requests.js';
import { chunkedRequest, emptySha256, presignedRequest, signedRequest } from './testing/signer.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The request with its header replaced by what `change` makes of it; null takes it away. */
function changed(
  request: WireRequest,
  header: string,
  change: (value: string) => string | null,
): WireRequest {
  const headers = request.headers.flatMap(([name, value]) => {
    if (name.toLowerCase() !== header) return [[name, value] as const];
    const other = change(value);
    return other === null ? [] : [[name, other] as const];
  });
  return { ...request, headers };
}

const minutes = (count: number) => count * 60_000;

describe('an Authorization header', () => {
  const { request } = signedRequest({ path: '/bucket/key' });
  const authorization = (change: (value: string) => string | null) =>
    changed(request, 'authorization', change);

  test('tells whose request it is', async () => {
    const authenticated = await authenticate(receive(request), exampleCredentials, example.nowMs);
    expect(authenticated.accessKeyId).toBe(example.accessKeyId);
    expect(authenticated.hoistedHeaders).toEqual({});
  });

  test('may be written with or without spaces, in any order', async () => {
    await expect(accept(authorization((value) => value.replaceAll(', ', ',')))).resolves.toBeDefined();
    const [scheme, credential, headers, signature] = (request.headers[3]?.[1] ?? '').split(/,? /);
    await expect(
      accept(authorization(() => `${scheme}   ${signature} ,${headers},  ${credential}`)),
    ).resolves.toBeDefined();
  });

  test.each([
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
      'of somebody unknown',
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
  ])('is refused when it is %s', async (_, sent, code, status, message) => {
    await expect(accept(sent)).rejects.toMatchObject({
      name: 'S3AuthError',
      code,
      status,
      message: expect.stringMatching(message),
    });
  });

  test('never repeats a secret or an SSE-C key in its refusal', async () => {
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

  test.each([-15, 0, 15])('may be %i minutes from ours', async (off) => {
    await expect(accept(request, example.nowMs + minutes(off))).resolves.toBeDefined();
  });

  test.each([-15.1, 15.1])('may not be %d minutes from ours', async (off) => {
    await expect(accept(request, example.nowMs + minutes(off))).rejects.toMatchObject({
      code: 'RequestTimeTooSkewed',
      status: 403,
      details: { RequestTime: '20130524T000000Z', MaxAllowedSkewMilliseconds: '900000' },
    });
  });

  test('may stand in the Date header', async () => {
    const dated = changed(
      signedRequest({ headers: [['Date', 'Fri, 24 May 2013 00:00:00 GMT']] }).request,
      'x-amz-date',
      () => null,
    );
    // Not signed as it was sent, yet its time was understood.
    await expect(accept(dated)).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
  });

  test.each(['20130531T250000Z', '20130631T000000Z', 'yesterday', '2013-05-24T00:00:00Z', ''])(
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

describe('a presigned URL', () => {
  test('is accepted, with the headers in its query', async () => {
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

  test('is accepted with headers that it names', async () => {
    const request = presignedRequest({ headers: [['X-Amz-Acl', 'private']] });
    await expect(accept(request)).resolves.toBeDefined();
  });

  test('is refused with x-amz- headers that it does not name', async () => {
    const request = presignedRequest({});
    await expect(
      accept({ ...request, headers: [...request.headers, ['x-amz-acl', 'public-read']] }),
    ).rejects.toMatchObject({
      code: 'AccessDenied',
      details: { HeadersNotSigned: 'x-amz-acl' },
    });
  });

  test('binds the body to a hash that it holds', async () => {
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

  test('is valid until its time is over, to the millisecond', async () => {
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

  test('is not valid before its time, but for a clock that is 15 minutes off', async () => {
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

  test.each([
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

  test('of version 2 is refused by name', async () => {
    const url = '/key?AWSAccessKeyId=AKIA&Expires=1369353600&Signature=c2ln';
    await expect(accept({ ...presignedRequest({}), url })).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringContaining('use AWS4-HMAC-SHA256'),
    });
  });

  test('made with another secret is refused', async () => {
    await expect(accept(presignedRequest({ secret: 'guessed' }))).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });
});

describe('a body', () => {
  const upload = (body: string, contentSha256: string) =>
    signedRequest({
      method: 'PUT',
      contentSha256,
      headers: [['Content-Length', String(body.length)]],
      body: [...body].map((character) => Buffer.from(character)),
    }).request;

  test('is what its hash says, in either case', async () => {
    const sent = { body: Buffer.from('payload'), decodedLength: 7 };
    await expect(accept(upload('payload', sha256('payload')))).resolves.toMatchObject(sent);
    await expect(accept(upload('payload', sha256('payload').toUpperCase()))).resolves.toMatchObject(sent);
  });

  test('is refused at its end when it is something else', async () => {
    const request = receive(upload('paylord', sha256('payload')));
    const { body } = await authenticate(request, exampleCredentials, example.nowMs);
    const read: string[] = [];
    const reading = (async () => {
      for await (const piece of body) read.push(Buffer.from(piece).toString());
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
      status: 400,
      details: { ClientComputedContentSHA256: sha256('payload'), S3ComputedContentSHA256: sha256('paylord') },
    });
    expect(read.join('')).toBe('paylord');
  });

  test('that is absent is checked although nobody reads it', async () => {
    const { request } = signedRequest({ contentSha256: sha256('payload') });
    await expect(authenticate(receive(request), exampleCredentials, example.nowMs)).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
    });
  });

  test('is taken as it is when it is unsigned', async () => {
    await expect(accept(upload('payload', 'UNSIGNED-PAYLOAD'))).resolves.toMatchObject({
      body: Buffer.from('payload'),
    });
  });

  test('can be read once, and says so', async () => {
    const { body } = await authenticate(receive(upload('x', sha256('x'))), exampleCredentials, example.nowMs);
    for await (const piece of body) expect(piece.length).toBe(1);
    expect(() => body[Symbol.asyncIterator]()).toThrow('can be read only once');
  });

  test('of no length is none', async () => {
    await expect(accept(signedRequest({}).request)).resolves.toMatchObject({ decodedLength: null });
  });

  test.each([
    ['no word and no hash', 'sha256', 'InvalidArgument', 400],
    ['half a hash', emptySha256.slice(32), 'InvalidArgument', 400],
    ['version 4a', 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', 'NotImplemented', 501],
    ['streaming, of unknown length', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'MissingContentLength', 411],
  ])('is refused when its x-amz-content-sha256 is %s', async (_, contentSha256, code, status) => {
    await expect(accept(upload('x', contentSha256))).rejects.toMatchObject({ code, status });
  });

  test('is refused without x-amz-content-sha256', async () => {
    const { request } = signedRequest({});
    await expect(accept(changed(request, 'x-amz-content-sha256', () => null))).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: 'Missing required header for this request: x-amz-content-sha256',
    });
  });

  test('is refused in a transfer coding, unless it tells its length', async () => {
    const { request } = signedRequest({
      method: 'PUT',
      contentSha256: 'UNSIGNED-PAYLOAD',
      headers: [['Transfer-Encoding', 'chunked']],
    });
    await expect(accept(request)).rejects.toMatchObject({
      code: 'NotImplemented',
      status: 501,
      details: { Header: 'Transfer-Encoding' },
    });
    const chunked = chunkedRequest([Buffer.from('x')], { signed: true });
    const sent = { ...chunked, headers: [...chunked.headers, ['Transfer-Encoding', 'chunked'] as const] };
    await expect(accept(sent)).resolves.toMatchObject({ decodedLength: 1 });
  });

  test('whose connection breaks is IncompleteBody', async () => {
    const request = receive({ ...upload('payload', 'UNSIGNED-PAYLOAD'), body: [] });
    const broken = Object.assign(request, {
      iterator: async function* () {
        yield Buffer.from('pay');
        throw new Error('aborted');
      },
    });
    const { body } = await authenticate(broken, exampleCredentials, example.nowMs);
    const reading = (async () => {
      for await (const piece of body) expect(piece.length).toBe(3);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'IncompleteBody', status: 400 });
  });
});

describe('the Content-Encoding of the object', () => {
  test.each([
    ['aws-chunked', null],
    ['gzip', 'gzip'],
    ['aws-chunked,gzip', 'gzip'],
    ['gzip, AWS-Chunked, br', 'gzip,br'],
  ])('of a request in %s is %s', async (sent, stored) => {
    const { request } = signedRequest({ headers: [['Content-Encoding', sent]] });
    const { contentEncoding } = await authenticate(receive(request), exampleCredentials, example.nowMs);
    expect(contentEncoding).toBe(stored);
  });
});
