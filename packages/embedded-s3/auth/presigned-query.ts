import type { IncomingHttpHeaders } from 'node:http';
import { authorizationQueryParametersError, mechanismNotSupported } from './refusals.js';
import type { QueryParameter } from './request-target.js';
import { parseCredential, parseSignedHeaders, type SignatureClaim } from './signature-claim.js';
import { parseTimestamp } from './timestamp.js';

const authenticationParameters = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-Date',
  'X-Amz-SignedHeaders',
  'X-Amz-Expires',
] as const;

type AuthenticationParameter = (typeof authenticationParameters)[number];

const maxExpiresSeconds = 604_800;

/** Returns true if the query carries a signature of any version: the request is not anonymous. */
export function isPresigned(parameters: readonly QueryParameter[]): boolean {
  return parameters.some(({ name }) => isAuthenticationParameter(name) || name === 'AWSAccessKeyId');
}

/**
 * Reads the claim of a presigned URL
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
 *
 * @throws S3AuthError for another version or a malformed claim
 */
export function parsePresignedQuery(
  parameters: readonly QueryParameter[],
  headers: IncomingHttpHeaders,
): SignatureClaim {
  if (parameters.some(({ name }) => name === 'AWSAccessKeyId')) throw mechanismNotSupported();
  const given = collect(parameters);
  if (given['X-Amz-Algorithm'] !== 'AWS4-HMAC-SHA256') {
    throw authorizationQueryParametersError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  }
  const credential = parseCredential(given['X-Amz-Credential'], (why) =>
    authorizationQueryParametersError(`Error parsing the X-Amz-Credential parameter; ${why}`),
  );
  const signedAt = parseTimestamp(given['X-Amz-Date']);
  if (signedAt === null) {
    throw authorizationQueryParametersError(
      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    );
  }
  if (!signedAt.text.startsWith(credential.date)) {
    throw authorizationQueryParametersError(
      `Invalid credential date "${credential.date}". This date is not the same as X-Amz-Date: "${signedAt.text.slice(0, 8)}".`,
    );
  }
  const signedHeaders = parseSignedHeaders(given['X-Amz-SignedHeaders']);
  if (signedHeaders === null) {
    throw authorizationQueryParametersError('X-Amz-SignedHeaders is not a list of lower-case header names.');
  }
  return {
    credential,
    signedAt,
    signedHeaders,
    signature: given['X-Amz-Signature'],
    contentSha256: contentSha256(parameters, headers),
    expiresSeconds: parseExpires(given['X-Amz-Expires']),
  };
}

/**
 * Returns the `x-amz-*` headers that the query replaces, by lower-case name, without checksums. S3
 * ignores checksums there (https://github.com/aws/aws-sdk-js-v3/issues/4448): the JavaScript SDK
 * has no body when it presigns, so it adds the CRC-32 of no bytes to every upload, and the uploads
 * succeed.
 */
export function hoistedHeaders(parameters: readonly QueryParameter[]): Readonly<Record<string, string>> {
  const hoisted = parameters
    .filter(({ name }) => !isAuthenticationParameter(name))
    .map(({ name, value }) => [name.toLowerCase(), value] as const)
    .filter(([name]) => /^x-amz-(?!checksum-|sdk-checksum-)/.test(name));
  return Object.fromEntries(hoisted);
}

function isAuthenticationParameter(name: string): name is AuthenticationParameter {
  return (authenticationParameters as readonly string[]).includes(name);
}

function collect(parameters: readonly QueryParameter[]): Readonly<Record<AuthenticationParameter, string>> {
  const given = new Map<string, string>();
  for (const { name, value } of parameters) {
    if (!isAuthenticationParameter(name)) continue;
    if (given.has(name)) throw authorizationQueryParametersError(`${name} is given more than once.`);
    given.set(name, value);
  }
  if (authenticationParameters.some((name) => !given.get(name))) {
    throw authorizationQueryParametersError(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  return Object.fromEntries(given) as Record<AuthenticationParameter, string>;
}

function parseExpires(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw authorizationQueryParametersError('X-Amz-Expires should be a number');
  const seconds = Number(text);
  if (seconds < 0) throw authorizationQueryParametersError('X-Amz-Expires must be non-negative');
  if (seconds > maxExpiresSeconds) {
    throw authorizationQueryParametersError(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return seconds;
}

function contentSha256(parameters: readonly QueryParameter[], headers: IncomingHttpHeaders): string {
  const hoisted = parameters.find(({ name }) => name.toLowerCase() === 'x-amz-content-sha256');
  if (hoisted !== undefined) return hoisted.value;
  const header = headers['x-amz-content-sha256'];
  return typeof header === 'string' ? header : 'UNSIGNED-PAYLOAD';
}
