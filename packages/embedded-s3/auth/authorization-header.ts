import type { IncomingHttpHeaders } from 'node:http';
import {
  authorizationHeaderMalformed,
  mechanismNotSupported,
  missingContentSha256,
  missingDate,
  unsupportedAuthorizationType,
} from './refusals.js';
import { parseCredential, parseSignedHeaders, type SignatureClaim } from './signature-claim.js';
import { parseHttpDate, parseTimestamp, type Timestamp } from './timestamp.js';

/**
 * Reads the claim in an `Authorization: AWS4-HMAC-SHA256 ...` header
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html).
 *
 * @throws S3AuthError for another kind of header or a malformed one
 */
export function parseAuthorizationHeader(
  authorization: string,
  headers: IncomingHttpHeaders,
): SignatureClaim {
  const components = parseComponents(authorization);
  const credential = parseCredential(required(components, 'Credential'), authorizationHeaderMalformed);
  const signedHeaders = parseSignedHeaders(required(components, 'SignedHeaders'));
  if (signedHeaders === null) {
    throw authorizationHeaderMalformed('SignedHeaders is not a list of lower-case header names.');
  }
  const signedAt = timeOf(headers);
  if (signedAt === null) throw missingDate();
  if (!signedAt.text.startsWith(credential.date)) {
    throw authorizationHeaderMalformed(
      `Invalid credential date "${credential.date}". This date is not the same as X-Amz-Date: "${signedAt.text.slice(0, 8)}".`,
    );
  }
  const contentSha256 = headers['x-amz-content-sha256'];
  if (typeof contentSha256 !== 'string') throw missingContentSha256();
  return {
    credential,
    signedAt,
    signedHeaders,
    signature: required(components, 'Signature'),
    contentSha256,
    expiresSeconds: null,
  };
}

/** `Credential=..., SignedHeaders=..., Signature=...`: with or without the spaces, in any order. */
function parseComponents(authorization: string): ReadonlyMap<string, string> {
  const space = authorization.indexOf(' ');
  const scheme = space < 0 ? authorization : authorization.slice(0, space);
  // "AWS" is version 2, which AWS has withdrawn. The ECDSA version is 4a, which only multi-Region
  // access points need.
  if (scheme === 'AWS' || scheme === 'AWS4-ECDSA-P256-SHA256') throw mechanismNotSupported();
  if (scheme !== 'AWS4-HMAC-SHA256') throw unsupportedAuthorizationType();
  const components = new Map<string, string>();
  for (const component of authorization.slice(scheme.length).split(',')) {
    const text = component.trim();
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    if (equals <= 0 || components.has(name)) {
      throw authorizationHeaderMalformed(`the authorization component "${name}" is malformed.`);
    }
    components.set(name, text.slice(equals + 1));
  }
  return components;
}

function required(components: ReadonlyMap<string, string>, name: string): string {
  const value = components.get(name);
  if (value === undefined || value === '') throw authorizationHeaderMalformed(`missing ${name}.`);
  return value;
}

function timeOf(headers: IncomingHttpHeaders): Timestamp | null {
  const amzDate = headers['x-amz-date'];
  if (typeof amzDate === 'string') return parseTimestamp(amzDate) ?? parseHttpDate(amzDate);
  return headers.date === undefined ? null : parseHttpDate(headers.date);
}
