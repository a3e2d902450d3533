import { describe, expect, it } from 'vitest';
import { accept, example, type WireRequest } from './testing/requests.js';

/**
 * The computed examples of AWS's documentation, byte for byte:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */

const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const authorization = (signedHeaders: string, signature: string) =>
  [
    'Authorization',
    `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`,
  ] as const;

/** Returns the signature with its last digit changed. */
function forged(request: WireRequest): WireRequest {
  const change = (text: string) =>
    text.replace(/(Signature=[0-9a-f]{63})([0-9a-f])/, (_, head: string, last: string) =>
      last === '0' ? `${head}1` : `${head}0`,
    );
  return {
    ...request,
    url: change(request.url),
    headers: request.headers.map(([name, value]) => [name, change(value)]),
  };
}

const getObject: WireRequest = {
  method: 'GET',
  url: '/test.txt',
  headers: [
    ['Host', example.host],
    authorization(
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ),
    ['Range', 'bytes=0-9'],
    ['x-amz-content-sha256', emptySha256],
    ['x-amz-date', '20130524T000000Z'],
  ],
  body: [],
};

const putObject: WireRequest = {
  method: 'PUT',
  url: '/test$file.text',
  headers: [
    ['Host', example.host],
    ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
    authorization(
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ),
    ['x-amz-date', '20130524T000000Z'],
    ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ['x-amz-content-sha256', '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'],
    ['Content-Length', '21'],
  ],
  body: [Buffer.from('Welcome to Amazon S3.')],
};

const bucketRequest = (query: string, signature: string): WireRequest => ({
  method: 'GET',
  url: `/?${query}`,
  headers: [
    ['Host', example.host],
    authorization('host;x-amz-content-sha256;x-amz-date', signature),
    ['x-amz-date', '20130524T000000Z'],
    ['x-amz-content-sha256', emptySha256],
  ],
  body: [],
});

const presigned: WireRequest = {
  method: 'GET',
  url: '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  headers: [['Host', example.host]],
  body: [],
};

const chunk = (size: string, signature: string, payload: string) =>
  Buffer.from(`${size};chunk-signature=${signature}\r\n${payload}\r\n`);

const chunked = (mode: string, headers: WireRequest['headers'], body: WireRequest['body']): WireRequest => ({
  method: 'PUT',
  url: '/examplebucket/chunkObject.txt',
  headers: [
    ['Host', 's3.amazonaws.com'],
    ['x-amz-date', '20130524T000000Z'],
    ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ['x-amz-content-sha256', mode],
    ['Content-Encoding', 'aws-chunked'],
    ['x-amz-decoded-content-length', '66560'],
    ['Content-Length', '66824'],
    ...headers,
  ],
  body,
});

const signedChunks = chunked(
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  [
    authorization(
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    ),
  ],
  [
    chunk('10000', 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648', 'a'.repeat(65536)),
    chunk('400', '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497', 'a'.repeat(1024)),
    chunk('0', 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9', ''),
  ],
);

const signedChunksAndTrailer = chunked(
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  [
    ['x-amz-trailer', 'x-amz-checksum-crc32c'],
    authorization(
      'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
      '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    ),
  ],
  [
    chunk('10000', 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2', 'a'.repeat(65536)),
    chunk('400', '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7', 'a'.repeat(1024)),
    Buffer.from(
      '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n' +
        'x-amz-checksum-crc32c:sOO8/Q==\r\n' +
        'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
    ),
  ],
);

const examples: readonly (readonly [string, WireRequest, string, Readonly<Record<string, string>>])[] = [
  ['GET Object', getObject, '', {}],
  ['PUT Object', putObject, 'Welcome to Amazon S3.', {}],
  [
    'GET Bucket Lifecycle',
    bucketRequest('lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'),
    '',
    {},
  ],
  [
    'GET Bucket (List Objects)',
    bucketRequest('max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'),
    '',
    {},
  ],
  ['presigned URL', presigned, '', {}],
  ['payload in multiple chunks', signedChunks, 'a'.repeat(66560), {}],
  [
    'payload in multiple chunks, with a trailing header',
    signedChunksAndTrailer,
    'a'.repeat(66560),
    { 'x-amz-checksum-crc32c': 'sOO8/Q==' },
  ],
];

describe('an example in the AWS documentation', () => {
  it.each(examples)('%s is accepted', async (_, request, payload, trailers) => {
    const accepted = await accept(request);
    expect(accepted.body.toString()).toBe(payload);
    expect(accepted.trailers).toEqual(trailers);
    expect(accepted.decodedLength ?? 0).toBe(payload.length);
  });

  it.each(examples)('%s with another signature is refused', async (_, request) => {
    await expect(accept(forged(request))).rejects.toMatchObject({
      name: 'S3AuthError',
      code: 'SignatureDoesNotMatch',
      status: 403,
    });
  });
});
