import { createHash, createHmac } from 'node:crypto';
import { example, type WireRequest } from './requests.js';

/**
 * The client side of SigV4, written from the specification and independent of the code under test.
 * It receives the canonical form to sign; the server must find that form in the request.
 */

export const emptySha256 = createHash('sha256').digest('hex');

const scope = `${example.timestamp.slice(0, 8)}/eu-north-1/s3/aws4_request`;

function signingKey(secret: string): Buffer {
  return ['20130524', 'eu-north-1', 's3', 'aws4_request'].reduce<Buffer>(
    (key, field) => createHmac('sha256', key).update(field).digest(),
    Buffer.from(`AWS4${secret}`),
  );
}

function sign(lines: readonly string[], secret = example.secretAccessKey): string {
  return createHmac('sha256', signingKey(secret)).update(lines.join('\n')).digest('hex');
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

export interface Unsigned {
  readonly method?: string;
  /** As sent. */
  readonly path?: string;
  /** As signed, if that differs. */
  readonly canonicalPath?: string;
  /** As sent, without the question mark. */
  readonly query?: string;
  readonly canonicalQuery?: string;
  /** Signed headers besides host, x-amz-date and x-amz-content-sha256; as sent. */
  readonly headers?: readonly (readonly [string, string])[];
  /** Their canonical lines (`name:value`), if these are not just in lower case. */
  readonly canonicalHeaders?: readonly string[];
  readonly contentSha256?: string;
  readonly timestamp?: string;
  readonly secret?: string;
  readonly body?: readonly Uint8Array[];
}

function canonicalHeaders(request: Unsigned, own: readonly string[]): { lines: string[]; names: string } {
  const others =
    request.canonicalHeaders ??
    (request.headers ?? []).map(([name, value]) => `${name.toLowerCase()}:${value}`);
  const lines = [...own, ...others].sort();
  return { lines, names: lines.map((line) => line.slice(0, line.indexOf(':'))).join(';') };
}

/**
 * Signs with an Authorization header. Returns the request and its signature, which starts a chain
 * of chunk signatures.
 */
export function signedRequest(request: Unsigned): {
  readonly request: WireRequest;
  readonly signature: string;
} {
  const { method = 'GET', path = '/', query = '', contentSha256 = emptySha256 } = request;
  const { timestamp = example.timestamp, secret, headers = [], body = [] } = request;
  const { lines, names } = canonicalHeaders(request, [
    `host:${example.host}`,
    `x-amz-content-sha256:${contentSha256}`,
    `x-amz-date:${timestamp}`,
  ]);
  const canonical = [
    method,
    request.canonicalPath ?? path,
    request.canonicalQuery ?? query,
    ...lines,
    '',
    names,
    contentSha256,
  ];
  const signature = sign(['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical.join('\n'))], secret);
  const authorization = `AWS4-HMAC-SHA256 Credential=${example.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return {
    signature,
    request: {
      method,
      url: query === '' ? path : `${path}?${query}`,
      headers: [
        ['Host', example.host],
        ['X-Amz-Date', timestamp],
        ['X-Amz-Content-Sha256', contentSha256],
        ['Authorization', authorization],
        ...headers,
      ],
      body,
    },
  };
}

/** Returns a presigned URL and its request. `query` has further parameters in canonical form. */
export function presignedRequest(
  request: Unsigned & {
    readonly expires?: string;
    readonly algorithm?: string;
    readonly credential?: string;
  },
): WireRequest {
  const { method = 'GET', path = '/key', headers = [], body = [], timestamp = example.timestamp } = request;
  const { lines, names } = canonicalHeaders(request, [`host:${example.host}`]);
  const parameters = [
    `X-Amz-Algorithm=${request.algorithm ?? 'AWS4-HMAC-SHA256'}`,
    `X-Amz-Credential=${encodeURIComponent(request.credential ?? `${example.accessKeyId}/${scope}`)}`,
    `X-Amz-Date=${timestamp}`,
    `X-Amz-Expires=${request.expires ?? '3600'}`,
    `X-Amz-SignedHeaders=${encodeURIComponent(names)}`,
    ...(request.query === undefined ? [] : request.query.split('&')),
  ].sort();
  const query = parameters.join('&');
  const canonical = [method, path, query, ...lines, '', names, request.contentSha256 ?? 'UNSIGNED-PAYLOAD'];
  const signature = sign(
    ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical.join('\n'))],
    request.secret,
  );
  return {
    method,
    url: `${path}?${query}&X-Amz-Signature=${signature}`,
    headers: [['Host', example.host], ...headers],
    body,
  };
}

/**
 * The framing of a body: its payload in chunks, the trailers after it, and the `seed` of their
 * signatures, if any.
 */
export interface Framing {
  readonly seed?: string;
  readonly trailers?: readonly (readonly [string, string])[];
}

/** Returns the `aws-chunked` encoding of `chunks`, which do not include the empty last one. */
export function encodeChunks(chunks: readonly Uint8Array[], { seed, trailers }: Framing): Buffer {
  const out: (Buffer | Uint8Array)[] = [];
  let previous = seed ?? '';
  for (const chunk of [...chunks, new Uint8Array()]) {
    previous = sign([
      'AWS4-HMAC-SHA256-PAYLOAD',
      example.timestamp,
      scope,
      previous,
      emptySha256,
      sha256(chunk),
    ]);
    const extension = seed === undefined ? '' : `;chunk-signature=${previous}`;
    out.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk);
    if (chunk.length > 0) out.push(Buffer.from('\r\n'));
  }
  for (const [name, value] of trailers ?? []) out.push(Buffer.from(`${name}:${value}\r\n`));
  if (trailers !== undefined && seed !== undefined) {
    const lines = trailers.map(([name, value]) => `${name}:${value}\n`).join('');
    const signature = sign(['AWS4-HMAC-SHA256-TRAILER', example.timestamp, scope, previous, sha256(lines)]);
    out.push(Buffer.from(`x-amz-trailer-signature:${signature}\r\n`));
  }
  out.push(Buffer.from('\r\n'));
  return Buffer.concat(out);
}

/** Returns a whole upload with a chunked body: signed chunks, unsigned with trailers, or both. */
export function chunkedRequest(
  chunks: readonly Uint8Array[],
  options: { readonly signed: boolean; readonly trailers?: readonly (readonly [string, string])[] },
): WireRequest {
  const { signed, trailers } = options;
  const decodedLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const kind = signed ? 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' : 'STREAMING-UNSIGNED-PAYLOAD';
  const names = trailers?.map(([name]) => name).join(',');
  const { request, signature } = signedRequest({
    method: 'PUT',
    path: '/key',
    contentSha256: trailers === undefined && signed ? kind : `${kind}-TRAILER`,
    headers: [
      ['Content-Encoding', 'aws-chunked'],
      ['X-Amz-Decoded-Content-Length', String(decodedLength)],
      ...(names ? ([['X-Amz-Trailer', names]] as const) : []),
    ],
  });
  const framing = { ...(signed ? { seed: signature } : {}), ...(trailers ? { trailers } : {}) };
  return { ...request, body: [encodeChunks(chunks, framing)] };
}
