import { S3AuthError } from './s3-auth-error.js';

/**
 * The refusals of authentication, each with the code, status and text of S3
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). Clients react to a code,
 * for example by correcting their clock.
 */

export const accessDenied = (): S3AuthError => new S3AuthError('AccessDenied', 403, 'Access Denied');

export const invalidToken = (): S3AuthError =>
  new S3AuthError('InvalidToken', 400, 'The provided token is malformed or otherwise invalid.');

export const invalidAccessKeyId = (): S3AuthError =>
  new S3AuthError(
    'InvalidAccessKeyId',
    403,
    'The AWS Access Key Id you provided does not exist in our records.',
  );

/**
 * The string to sign contains only hashes. The canonical request, which AWS returns too, contains
 * SSE-C keys and is left out.
 */
export const signatureDoesNotMatch = (stringToSign: string): S3AuthError =>
  new S3AuthError(
    'SignatureDoesNotMatch',
    403,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    { details: { StringToSign: stringToSign } },
  );

export const headersNotSigned = (names: readonly string[]): S3AuthError =>
  new S3AuthError('AccessDenied', 403, 'There were headers present in the request which were not signed', {
    details: { HeadersNotSigned: names.join(', ') },
  });

export const requestTimeTooSkewed = (requestTime: string, nowMs: number, maxSkewMs: number): S3AuthError =>
  new S3AuthError(
    'RequestTimeTooSkewed',
    403,
    'The difference between the request time and the current time is too large.',
    {
      details: {
        RequestTime: requestTime,
        ServerTime: new Date(nowMs).toISOString(),
        MaxAllowedSkewMilliseconds: String(maxSkewMs),
      },
    },
  );

export const missingDate = (): S3AuthError =>
  new S3AuthError('AccessDenied', 403, 'AWS authentication requires a valid Date or x-amz-date header');

export const requestExpired = (expiresSeconds: number, expiredAtMs: number, nowMs: number): S3AuthError =>
  new S3AuthError('AccessDenied', 403, 'Request has expired', {
    details: {
      'X-Amz-Expires': String(expiresSeconds),
      Expires: new Date(expiredAtMs).toISOString(),
      ServerTime: new Date(nowMs).toISOString(),
    },
  });

export const requestNotYetValid = (): S3AuthError =>
  new S3AuthError('AccessDenied', 403, 'Request is not valid yet');

export const authorizationHeaderMalformed = (why: string): S3AuthError =>
  new S3AuthError('AuthorizationHeaderMalformed', 400, `The authorization header is malformed; ${why}`);

export const authorizationQueryParametersError = (why: string): S3AuthError =>
  new S3AuthError('AuthorizationQueryParametersError', 400, why);

export const mechanismNotSupported = (): S3AuthError =>
  new S3AuthError(
    'InvalidRequest',
    400,
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  );

/** Unlike AWS, this does not repeat the value: it may be a password or a token for another service. */
export const unsupportedAuthorizationType = (): S3AuthError =>
  new S3AuthError('InvalidArgument', 400, 'Unsupported Authorization Type', {
    details: { ArgumentName: 'Authorization' },
  });

export const oneMechanismOnly = (): S3AuthError =>
  new S3AuthError(
    'InvalidArgument',
    400,
    'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    { details: { ArgumentName: 'Authorization' } },
  );

export const missingContentSha256 = (): S3AuthError =>
  new S3AuthError('InvalidRequest', 400, 'Missing required header for this request: x-amz-content-sha256');

export const invalidContentSha256 = (): S3AuthError =>
  new S3AuthError(
    'InvalidArgument',
    400,
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    { details: { ArgumentName: 'x-amz-content-sha256' } },
  );

export const contentSha256Mismatch = (client: string, computed: string): S3AuthError =>
  new S3AuthError(
    'XAmzContentSHA256Mismatch',
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    { details: { ClientComputedContentSHA256: client, S3ComputedContentSHA256: computed } },
  );

export const notImplementedHeader = (header: string): S3AuthError =>
  new S3AuthError(
    'NotImplemented',
    501,
    'A header you provided implies functionality that is not implemented',
    {
      details: { Header: header },
    },
  );

export const invalidUri = (): S3AuthError =>
  new S3AuthError('InvalidURI', 400, "Couldn't parse the specified URI.");

export const missingContentLength = (): S3AuthError =>
  new S3AuthError('MissingContentLength', 411, 'You must provide the Content-Length HTTP header.');

/** The framing is broken, or the body ended early. */
export const bodyTerminated = (cause?: unknown): S3AuthError =>
  new S3AuthError('IncompleteBody', 400, 'The request body terminated unexpectedly', { cause });

/** The framing is correct but contains another number of bytes than `x-amz-decoded-content-length`. */
export const wrongDecodedLength = (expected: number, provided: number): S3AuthError =>
  new S3AuthError(
    'IncompleteBody',
    400,
    'You did not provide the number of bytes specified by the Content-Length HTTP header',
    { details: { NumberBytesExpected: String(expected), NumberBytesProvided: String(provided) } },
  );

export const invalidChunkSize = (chunk: number, size: number): S3AuthError =>
  new S3AuthError(
    'InvalidChunkSizeError',
    400,
    'Only the last chunk is allowed to have a size less than 8192 bytes',
    {
      details: { Chunk: String(chunk), BadChunkSize: String(size) },
    },
  );

export const malformedTrailer = (): S3AuthError =>
  new S3AuthError(
    'MalformedTrailerError',
    400,
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  );
