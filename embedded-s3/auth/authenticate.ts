import type { IncomingMessage } from 'node:http';
import { S3AuthError } from './s3-auth-error.js';

export { S3AuthError } from './s3-auth-error.js';

/** The secret that belongs to an access key id, or null when nobody has that id. */
export type CredentialLookup = (accessKeyId: string) => { readonly secretAccessKey: string } | null;

/** A request whose signature was verified, and its body, which is verified as it is read. */
export interface AuthenticatedRequest {
  readonly accessKeyId: string;
  /**
   * The payload with any `aws-chunked` framing removed; read it once. It throws an `S3AuthError`, midway or in
   * place of its end, when a hash or signature does not match: only a body read to its end was what the client
   * signed. Leaving it early does not close the connection, so that an answer can still be sent.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** The length of `body` in bytes; null when the request names none (it then has no body). */
  readonly decodedLength: number | null;
  /** The verified trailing headers by lower-case name; valid once `body` is drained. */
  trailers(): ReadonlyMap<string, string>;
  /** `Content-Encoding` as the object has it: without `aws-chunked`, null when nothing is left. */
  readonly contentEncoding: string | null;
  /**
   * The `x-amz-*` request headers that a presigned URL carries in its query (its own signature parameters apart),
   * by lower-case name. They count as headers: `{ ...hoistedHeaders, ...request.headers }`.
   */
  readonly hoistedHeaders: Readonly<Record<string, string>>;
}

/**
 * Verifies the AWS Signature Version 4 of `request`, in the Authorization header or in a presigned URL's query.
 * Resolves before any of the body is read, so an `Expect: 100-continue` can be answered afterwards.
 *
 * @param nowMs the server's clock, milliseconds since the epoch
 * @throws S3AuthError with AWS's own code and status
 */
export async function authenticate(
  _request: IncomingMessage,
  _credentials: CredentialLookup,
  _nowMs: number,
): Promise<AuthenticatedRequest> {
  throw new S3AuthError('AccessDenied', 403, 'Access Denied');
}
