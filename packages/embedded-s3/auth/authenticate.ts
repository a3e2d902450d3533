import type { IncomingMessage } from 'node:http';
import { parseAuthorizationHeader } from './authorization-header.js';
import { chunkedBody, hashedBody, plainBody, readOnce } from './body.js';
import { ChunkSignatures } from './chunk-signatures.js';
import { type Payload, parsePayload } from './payload.js';
import { hoistedHeaders, isPresigned, parsePresignedQuery } from './presigned-query.js';
import {
  accessDenied,
  contentSha256Mismatch,
  invalidAccessKeyId,
  invalidToken,
  missingContentLength,
  notImplementedHeader,
  oneMechanismOnly,
} from './refusals.js';
import { parseTarget, type RequestTarget } from './request-target.js';
import type { SignatureClaim } from './signature-claim.js';
import { SigningKey } from './signing-key.js';
import { declaredTrailers } from './trailers.js';
import { checkTime } from './validity.js';
import { verifySignature } from './verify-signature.js';

export { S3AuthError } from './s3-auth-error.js';

/** Returns the secret of an access key id, and the token of temporary credentials; null for an unknown id. */
export type CredentialLookup = (
  accessKeyId: string,
) => { readonly secretAccessKey: string; readonly sessionToken?: string } | null;

/** A request with a verified signature. Its body is verified while it is read. */
export interface AuthenticatedRequest {
  readonly accessKeyId: string;
  /**
   * The payload without `aws-chunked` framing; can be read once. It throws an `S3AuthError`, midway
   * or at its end, if a hash or signature does not match: only a body that was read to its end is
   * what the client signed. Leaving it early does not close the connection, so that an answer can
   * still be sent.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** The length of `body` in bytes; null if the request names none and has no body. */
  readonly decodedLength: number | null;
  /** Returns the verified trailing headers by lower-case name; valid after `body` was read to its end. */
  trailers(): ReadonlyMap<string, string>;
  /** `Content-Encoding` as stored with the object: without `aws-chunked`; null if nothing is left. */
  readonly contentEncoding: string | null;
  /**
   * The `x-amz-*` request headers in the query of a presigned URL, by lower-case name, without its
   * signature parameters and checksums. They count as headers: `{ ...hoistedHeaders,
   * ...request.headers }`.
   */
  readonly hoistedHeaders: Readonly<Record<string, string>>;
}

/**
 * Verifies the AWS Signature Version 4 of `request`, in the Authorization header or in the query of
 * a presigned URL. Resolves before it reads the body, so that an `Expect: 100-continue` can be
 * answered afterwards.
 *
 * @param nowMs the server's clock, milliseconds since the epoch
 * @throws S3AuthError with AWS's own code and status
 */
export async function authenticate(
  request: IncomingMessage,
  credentials: CredentialLookup,
  nowMs: number,
): Promise<AuthenticatedRequest> {
  const target = parseTarget(request.url ?? '/');
  const claim = readClaim(request, target);
  const payload = parsePayload(claim.contentSha256);
  const { accessKeyId } = claim.credential;
  const known = credentials(accessKeyId);
  if (known === null) throw invalidAccessKeyId();
  checkTime(claim, nowMs);
  const key = new SigningKey(known.secretAccessKey, claim.credential);
  verifySignature(request, target, claim, key);
  if (tokenOf(request, target) !== (known.sessionToken ?? null)) throw invalidToken();
  return {
    accessKeyId,
    ...openBody(request, claim, payload, key),
    contentEncoding: storedContentEncoding(request.headers['content-encoding']),
    hoistedHeaders: claim.expiresSeconds === null ? {} : hoistedHeaders(target.parameters),
  };
}

/** Returns the session token of temporary credentials, or null. */
function tokenOf({ headers }: IncomingMessage, { parameters }: RequestTarget): string | null {
  const inQuery = parameters.find(({ name }) => name === 'X-Amz-Security-Token')?.value;
  return singleValue(headers['x-amz-security-token']) ?? inQuery ?? null;
}

function readClaim(request: IncomingMessage, target: RequestTarget): SignatureClaim {
  const { headers } = request;
  const presigned = isPresigned(target.parameters);
  if (headers.authorization === undefined) {
    if (!presigned) throw accessDenied();
    return parsePresignedQuery(target.parameters, headers);
  }
  if (presigned) throw oneMechanismOnly();
  return parseAuthorizationHeader(headers.authorization, headers);
}

type OpenBody = Pick<AuthenticatedRequest, 'body' | 'decodedLength' | 'trailers'>;

const noTrailers: ReadonlyMap<string, string> = new Map();

function openBody(
  request: IncomingMessage,
  claim: SignatureClaim,
  payload: Payload,
  key: SigningKey,
): OpenBody {
  if (payload.kind === 'chunked') return openChunkedBody(request, claim, key, payload);
  // S3 accepts no body of unknown length: "A header you provided implies functionality that is not
  // implemented".
  if (request.headers['transfer-encoding'] !== undefined) throw notImplementedHeader('Transfer-Encoding');
  const length = wholeNumber(request.headers['content-length']);
  if (payload.kind === 'unsigned') {
    return { body: readOnce(plainBody(request)), decodedLength: length, trailers: () => noTrailers };
  }
  // The body of no bytes may never be read, so its hash is checked now.
  if (!length && payload.sha256 !== sha256OfNothing)
    throw contentSha256Mismatch(payload.sha256, sha256OfNothing);
  return {
    body: readOnce(hashedBody(request, payload.sha256)),
    decodedLength: length,
    trailers: () => noTrailers,
  };
}

function openChunkedBody(
  request: IncomingMessage,
  claim: SignatureClaim,
  key: SigningKey,
  { signed, trailing }: { readonly signed: boolean; readonly trailing: boolean },
): OpenBody {
  const { headers } = request;
  const decodedLength = wholeNumber(singleValue(headers['x-amz-decoded-content-length']));
  if (decodedLength === null) throw missingContentLength();
  const framing = {
    signatures: signed
      ? new ChunkSignatures(key, claim.signedAt.text, claim.credential.scope, claim.signature)
      : null,
    trailers: trailing ? declaredTrailers(singleValue(headers['x-amz-trailer'])) : null,
    decodedLength,
  };
  let verified: ReadonlyMap<string, string> | null = null;
  const body = chunkedBody(request, framing, (trailers) => {
    verified = trailers;
  });
  const trailers = (): ReadonlyMap<string, string> => {
    if (verified === null) throw new Error('the trailers follow the body: read it to its end first');
    return verified;
  };
  return { body: readOnce(body), decodedLength, trailers };
}

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function singleValue(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(',');
}

function wholeNumber(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/**
 * `aws-chunked` describes the request, not the object (sigv4-streaming.html): S3 stores the
 * encoding without it.
 */
function storedContentEncoding(header: string | undefined): string | null {
  if (header === undefined) return null;
  const codings = header.split(',').map((coding) => coding.trim());
  const stored = codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked');
  return stored.length === 0 ? null : stored.join(',');
}
