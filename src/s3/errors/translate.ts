import { Fault, type FaultKind } from '../../model/fault.js';
import { retryAfterMs } from '../http/retry-after.js';
import { S3Error, withSentence } from './s3-error.js';

/** A request, for the text of a fault. */
export interface Attempt {
  /** Its name in the API: `PutObject`. */
  readonly operation: string;
  readonly bucket: string;
  /** Null for a request about the whole bucket. */
  readonly key: string | null;
  /** The permissions that it needs, named as in an IAM policy. */
  readonly permission: string;
}

/** The meaning of an error of S3, as far as the error alone shows it. */
export type Verdict =
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** There is no such object, version or marker. */
  | { readonly kind: 'absent' }
  /** The answer has no body, so either the object or the bucket is missing. */
  | { readonly kind: 'absent-or-no-bucket' }
  | { readonly kind: 'no-upload' }
  /** A 400 or 403 with several possible reasons. `code` is S3's, null when the answer had no body. */
  | {
      readonly kind: 'doubt';
      readonly status: 400 | 403;
      readonly code: string | null;
      readonly message: string;
      readonly cause: Error;
    };

interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string | null;
}

/**
 * Returns the meaning of an error that the SDK, the direct path or the socket threw. Pure: an error that only
 * further requests can explain becomes `doubt` (see diagnosis.ts).
 */
export function translate(thrown: unknown, attempt: Attempt): Verdict {
  if (thrown instanceof Fault) return { kind: 'fault', fault: thrown };
  const error = readError(thrown);
  const cause = scrubbed(error, attempt);
  if (error.name === 'AbortError') return faultOf('cancelled', 'the request was cancelled', cause);
  const known = ofConnection(error, attempt, cause) ?? ofCode(error, attempt, cause);
  if (known !== null) return known;
  return error.status === 0 ? { kind: 'fault', fault: Fault.from(thrown) } : ofStatus(error, attempt, cause);
}

function faultOf(kind: FaultKind, hint: string, cause: Error): Verdict {
  const text = explained.has(kind) ? withSentence(hint, cause) : hint;
  return { kind: 'fault', fault: new Fault(kind, text, { cause }) };
}

/** Refusals, whose reason S3 knows better. The sentences of passing faults say nothing more. */
const explained: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'denied',
  'invalid',
  'unsupported',
  'too-large',
  'over-quota',
  'bug',
]);

/** Returns the object or the bucket of a request in words. */
export function placeOf(attempt: Attempt): string {
  const bucket = `bucket "${attempt.bucket}"`;
  return attempt.key === null ? bucket : `"${attempt.key}" in ${bucket}`;
}

/** True for S3's answer that the requested range is past the object's end (416). */
export function isRangeRefusal(thrown: unknown): boolean {
  const { name, status } = readError(thrown);
  return name === 'InvalidRange' || status === 416;
}

function readError(thrown: unknown): SdkError {
  const bag = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Record<string, unknown>;
  const metadata = (bag['$metadata'] ?? {}) as Record<string, unknown>;
  const response = (bag['$response'] ?? {}) as { headers?: Record<string, string> };
  return {
    name: typeof bag['name'] === 'string' ? bag['name'] : 'Unknown',
    message: typeof bag['message'] === 'string' ? bag['message'] : String(thrown),
    code: typeof bag['code'] === 'string' ? bag['code'] : null,
    status: typeof metadata['httpStatusCode'] === 'number' ? metadata['httpStatusCode'] : 0,
    headers: response.headers ?? {},
    requestId: typeof metadata['requestId'] === 'string' ? metadata['requestId'] : null,
  };
}

/**
 * Returns the error for the log. The SDK's own object is dropped: a SignatureDoesNotMatch carries the
 * canonical request, and with it the customer key.
 */
function scrubbed(error: SdkError, { bucket, key }: Attempt): Error {
  const details = [error.code ?? '', error.status === 0 ? '' : `HTTP ${error.status}`, error.requestId ?? ''];
  const aside = details.filter((part) => part !== '').join(', ');
  const message = error.message.slice(0, 500).replace(/[A-Za-z0-9+/]{43}=/g, '[removed]');
  return new S3Error(`${error.name}: ${message}${aside === '' ? '' : ` (${aside})`}`, {
    retryAfterMs: retryAfterMs(error.headers),
    code: error.name,
    sentence: sentenceOf(error, message),
    isDamage: damages.has(error.name),
    bucket,
    key,
  });
}

/** Codes for bytes that were damaged between the gateway and S3. */
const damages: ReadonlySet<string> = new Set([
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** Returns S3's own sentence. The SDK makes one up for an answer without a body. */
function sentenceOf({ name, status }: SdkError, message: string): string {
  const isMadeUp = message === name || /^(HTTP status \d+|Unknown(Error)?)$/.test(message);
  return status === 0 || isMadeUp ? '' : message.trim();
}

/** Errors of the network, TLS and the credentials, without an answer of S3. */
function ofConnection(error: SdkError, attempt: Attempt, cause: Error): Verdict | null {
  if (error.status !== 0) return null;
  if (error.name === 'TimeoutError')
    return faultOf('timed-out', `S3 did not answer in time (${attempt.operation})`, cause);
  if (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError') {
    return faultOf('denied', credentialsHint(error.message), cause);
  }
  if (error.message.includes('Region is missing')) {
    return faultOf('invalid', 'no AWS region is set; set one in the settings or in AWS_REGION', cause);
  }
  const code = error.code ?? '';
  if (tlsRefusals.has(code) || code.startsWith('ERR_TLS') || sslRefusals.test(code)) {
    return faultOf(
      'invalid',
      `the certificate of the S3 endpoint is not trusted (${code}); set the file of its CA in the settings or in AWS_CA_BUNDLE`,
      cause,
    );
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return faultOf('unavailable', 'the name of the S3 endpoint cannot be resolved', cause);
  }
  if (code === 'ETIMEDOUT') return faultOf('timed-out', 'the S3 endpoint cannot be reached', cause);
  if (code === 'ECONNREFUSED') return faultOf('unavailable', 'nothing listens at the S3 endpoint', cause);
  if (
    /^(E[A-Z]+|ERR_SSL_.*|ERR_STREAM_.*|HPE_[A-Z_]+|UND_.*)$/.test(code) ||
    error.message.includes('socket hang up')
  ) {
    return faultOf('unavailable', `the connection to S3 broke (${attempt.operation})`, cause);
  }
  return null;
}

const tlsRefusals: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'CERT_REVOKED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Refusals of a handshake. Other errors of TLS are damaged records, which a new connection does not have. */
const sslRefusals =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|UNSUPPORTED|NO_|UNKNOWN_PROTOCOL|.*(CERT|UNKNOWN_CA|HANDSHAKE_FAILURE|PROTOCOL_VERSION))/;

/** Distinguishes credentials that are not configured from those that were refused or are incomplete. */
function credentialsHint(message: string): string {
  return /^Could not load credentials from any providers/.test(message)
    ? 'no AWS credentials were found; set them as for the aws command line tool'
    : `the AWS credentials cannot be loaded (${message.slice(0, 200)}); correct their settings`;
}

type Hint = (attempt: Attempt, error: SdkError) => string;

/** Codes with one meaning. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const codes: Readonly<Record<string, readonly [FaultKind, Hint]>> = {
  NoSuchBucket: ['not-found', (at) => `there is no bucket "${at.bucket}"; create it or correct the setting`],
  PreconditionFailed: ['conflict', (at) => `${placeOf(at)} is no longer the expected object`],
  ConditionalRequestConflict: ['unavailable', (at) => `another write to ${placeOf(at)} is in progress`],
  OperationAborted: ['unavailable', (at) => `another change of ${placeOf(at)} is in progress`],
  InvalidRange: ['invalid', (at) => `the range begins past the end of ${placeOf(at)}`],
  InternalError: ['unavailable', (at) => `S3 had an internal error (${at.operation})`],
  SlowDown: ['throttled', () => 'S3 asks to slow down'],
  RequestTimeout: ['timed-out', () => 'S3 waited too long for the bytes of the request'],
  RequestTimeTooSkewed: [
    'denied',
    () => 'the clock of this machine differs from that of S3 by more than 15 minutes; set the time',
  ],
  InvalidAccessKeyId: ['denied', () => 'S3 does not know the access key id; correct the AWS credentials'],
  SignatureDoesNotMatch: ['denied', () => 'S3 refuses the signature; correct the AWS secret access key'],
  ExpiredToken: ['denied', () => 'the AWS session token has expired; renew the credentials'],
  InvalidToken: ['denied', () => 'S3 refuses the AWS session token; renew the credentials'],
  AccountProblem: ['denied', () => 'S3 refuses the AWS account; ask AWS support'],
  AllAccessDisabled: ['denied', (at) => `all access to bucket "${at.bucket}" is disabled`],
  BadDigest: ['corrupt', (at) => `S3 received different bytes for ${placeOf(at)} than were sent`],
  InvalidDigest: ['corrupt', (at) => `S3 refuses the checksum of ${placeOf(at)}`],
  XAmzContentChecksumMismatch: [
    'corrupt',
    (at) => `S3 received different bytes for ${placeOf(at)} than were sent`,
  ],
  XAmzContentSHA256Mismatch: [
    'corrupt',
    (at) => `S3 received different bytes for ${placeOf(at)} than were sent`,
  ],
  EntityTooLarge: ['too-large', (at) => `${placeOf(at)} is larger than S3 accepts in one request`],
  EntityTooSmall: ['invalid', (at) => `a part of ${placeOf(at)} is smaller than the 5 MiB that S3 requires`],
  InvalidPart: ['conflict', (at) => `S3 does not have the parts of ${placeOf(at)} that were sent`],
  InvalidPartOrder: ['bug', (at) => `the parts of ${placeOf(at)} were named out of order`],
  KeyTooLongError: [
    'invalid',
    (at) => `the name ${placeOf(at)} is longer than the 1,024 bytes that S3 allows`,
  ],
  InvalidObjectName: ['invalid', (at) => `S3 refuses the name ${placeOf(at)}; it allows 1,024 bytes`],
  InvalidBucketName: ['invalid', (at) => `"${at.bucket}" is not a name that S3 allows for a bucket`],
  MetadataTooLarge: ['too-large', (at) => `the metadata of ${placeOf(at)} exceeds the 2 KiB that S3 allows`],
  NotImplemented: ['unsupported', (at) => `the S3 server does not support this ${at.operation}`],
  QuotaExceeded: ['over-quota', (at) => `bucket "${at.bucket}" has reached its quota`],
  InvalidObjectState: [
    'unsupported',
    (at) => `${placeOf(at)} is archived; restore it first (aws s3api restore-object)`,
  ],
  InvalidEncryptionAlgorithmError: ['bug', (at) => `S3 refuses the encryption of ${placeOf(at)}`],
  PermanentRedirect: ['invalid', elsewhere],
  // AWS redirects for hours after the creation of a bucket; the gateway does not follow.
  TemporaryRedirect: ['invalid', elsewhere],
  IllegalLocationConstraintException: ['invalid', elsewhere],
  AuthorizationHeaderMalformed: ['invalid', elsewhere],
};

function elsewhere(attempt: Attempt, error: SdkError): string {
  const region = error.headers['x-amz-bucket-region'];
  return region === undefined
    ? `bucket "${attempt.bucket}" is in another region or at another endpoint; correct the setting`
    : `bucket "${attempt.bucket}" is in region ${region}; set that region`;
}

function ofCode(error: SdkError, attempt: Attempt, cause: Error): Verdict | null {
  const { name } = error;
  if (name === 'NoSuchKey' || name === 'NoSuchVersion') return { kind: 'absent' };
  if (name === 'NoSuchUpload') return { kind: 'no-upload' };
  const known = Object.hasOwn(codes, name) ? codes[name] : undefined;
  if (known !== undefined) return faultOf(known[0], known[1](attempt, error), cause);
  if (
    /^(Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|BandwidthLimit)/.test(name)
  ) {
    return faultOf('throttled', 'S3 asks to slow down', cause);
  }
  if (/^KMS\b|^KMS\./.test(name) || /kms-keyid/i.test(error.message)) {
    return faultOf(
      'invalid',
      `the KMS key for ${placeOf(attempt)} cannot be used; check its ARN and state`,
      cause,
    );
  }
  return null;
}

function ofStatus(error: SdkError, attempt: Attempt, cause: Error): Verdict {
  const { status } = error;
  // An error without a body is named after its status, or `Unknown`.
  const code = /^(Unknown|UnknownError|NotFound|Forbidden|BadRequest|\d{3})$/.test(error.name)
    ? null
    : error.name;
  if (status === 404) return code === null ? { kind: 'absent-or-no-bucket' } : { kind: 'absent' };
  if (status >= 200 && status < 300) {
    // Some servers send an error after they have begun to answer.
    if (code === 'AccessDenied') return { kind: 'doubt', status: 403, code, message: error.message, cause };
    return faultOf('unavailable', `the answer of S3 to ${attempt.operation} is not complete`, cause);
  }
  // A delete marker, requested by its version.
  if (status === 405) return { kind: 'absent' };
  if (status === 400 || status === 403) {
    return { kind: 'doubt', status, code, message: error.message, cause };
  }
  const bodyless = status === 412 ? 'PreconditionFailed' : status === 416 ? 'InvalidRange' : null;
  if (bodyless !== null) return ofCode({ ...error, name: bodyless }, attempt, cause) ?? { kind: 'absent' };
  if (status === 409 && isRead(attempt))
    return faultOf('unavailable', `S3 sent a faulty answer to ${attempt.operation}`, cause);
  if (status === 409)
    return faultOf('conflict', `S3 refuses ${attempt.operation} of ${placeOf(attempt)} at the moment`, cause);
  if (status === 429 || status === 503) return faultOf('throttled', 'S3 asks to slow down', cause);
  if (status === 507) return faultOf('over-quota', 'the S3 server has no space left', cause);
  if (status === 501)
    return faultOf('unsupported', `the S3 server does not support this ${attempt.operation}`, cause);
  if (status >= 500) return faultOf('unavailable', `S3 had an internal error (${attempt.operation})`, cause);
  if (status >= 300 && status < 400) return faultOf('invalid', elsewhere(attempt, error), cause);
  if (isRead(attempt))
    return faultOf('unavailable', `S3 sent a faulty answer to ${attempt.operation}`, cause);
  return faultOf('bug', `S3 sent an unexpected answer to ${attempt.operation}; see the log`, cause);
}

/** True for requests that change nothing: an answer that no S3 server sends to them is a passing fault. */
function isRead({ operation }: Attempt): boolean {
  return /^(Get|Head|List)/.test(operation);
}
