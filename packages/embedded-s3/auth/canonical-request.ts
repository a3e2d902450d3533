import type { IncomingMessage } from 'node:http';
import { canonicalPath, canonicalQuery, type RequestTarget } from './request-target.js';
import type { SignatureClaim } from './signature-claim.js';

/** The headers of a request, sorted into what its signature covers and what it should have covered. */
export interface SignedHeaders {
  /** `name:value`, a line for each signed header, in the order they were signed. */
  readonly lines: string;
  /** Headers that S3 wants signed and that were not. */
  readonly missing: readonly string[];
}

/**
 * Gathers the signed headers: surrounding blanks cut off, inner runs of blanks made one, repeated headers joined with
 * commas in their order (SigV4 task 1). S3 refuses a request with an `x-amz-*` header that the signature
 * does not cover, since it could turn what a presigned URL allows into something else; only `x-amz-content-sha256` may
 * be left out, as the last line of the canonical request holds it.
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

/** Not `trim`, which takes 0xA0 for a blank: that is the second byte of an à in UTF-8. */
function foldBlanks(value: string): string {
  return value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}

/**
 * The canonical requests that a sincere client can have signed, each as bytes in a string (one character a byte).
 * Mostly there is one. A client that sends a path which it encoded otherwise than SigV4 does may have signed it as
 * sent, and one that sends a header in ISO 8859-1 (as Node's own client does) has signed it in UTF-8.
 * Each of them names this request and no other.
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
