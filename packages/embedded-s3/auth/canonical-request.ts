import type { IncomingMessage } from 'node:http';
import { canonicalPath, canonicalQuery, type RequestTarget } from './request-target.js';
import type { SignatureClaim } from './signature-claim.js';

/** The headers of a request: those that its signature covers and those that it had to cover. */
export interface SignedHeaders {
  /** `name:value`, one line per signed header, in the signed order. */
  readonly lines: string;
  /** Headers that S3 requires to be signed and that were not. */
  readonly missing: readonly string[];
}

/**
 * Collects the signed headers: trims them, reduces inner runs of blanks to one, and joins repeated
 * headers with commas in their order (SigV4 task 1). S3 refuses a request with an `x-amz-*` header
 * that the signature does not cover, because it could change what a presigned URL allows. Only
 * `x-amz-content-sha256` may be left out: it is the last line of the canonical request.
 */
export function gatherSignedHeaders(request: IncomingMessage, signed: readonly string[]): SignedHeaders {
  const values = new Map<string, string[]>(signed.map((name) => [name, []]));
  const missing = new Set<string>(values.has('host') ? [] : ['host']);
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const list = values.get(name);
    if (list !== undefined) list.push(foldBlanks(rawHeaders[i + 1] as string));
    else if (name.startsWith('x-amz-') && name !== 'x-amz-content-sha256') missing.add(name);
  }
  // A body of no bytes may lose its Content-Length on the way, after it was signed.
  if (values.get('content-length')?.length === 0) values.get('content-length')?.push('0');
  const lines = signed.map((name) => `${name}:${values.get(name)?.join(',') ?? ''}\n`).join('');
  return { lines, missing: [...missing] };
}

/** Not `trim`, which treats 0xA0 as a blank: it is the second byte of an à in UTF-8. */
function foldBlanks(value: string): string {
  return value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}

/**
 * Returns the canonical requests that an honest client may have signed, each as bytes in a string
 * (one character per byte). Usually there is one. A client that encodes the path in another way
 * than SigV4 may have signed it as sent. A client that sends a header in ISO 8859-1, as Node's
 * does, has signed it in UTF-8. Each of them names this request and no other.
 */
export function canonicalRequests(
  method: string,
  target: RequestTarget,
  claim: SignatureClaim,
  headerLines: string,
): readonly string[] {
  const query = canonicalQuery(target.parameters.filter(({ name }) => name !== 'X-Amz-Signature'));
  const names = claim.signedHeaders.join(';');
  const paths = new Set([canonicalPath(target.path), target.path]);
  const headers = new Set([headerLines, Buffer.from(headerLines, 'utf8').toString('latin1')]);
  return [...paths].flatMap((path) =>
    [...headers].map((lines) => [method, path, query, lines, names, claim.contentSha256].join('\n')),
  );
}
