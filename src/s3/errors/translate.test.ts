import { describe, expect, it } from 'vitest';
import { Fault, type FaultKind, isFault } from '../../model/fault.js';
import { S3Error } from './s3-error.js';
import { type Attempt, isRangeRefusal, placeOf, translate, type Verdict } from './translate.js';

const write: Attempt = { operation: 'PutObject', bucket: 'b', key: 'd/k', permission: 's3:PutObject' };
const read: Attempt = { ...write, operation: 'GetObject', permission: 's3:GetObject' };

interface Answer {
  readonly name?: string;
  readonly message?: string;
  readonly status?: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Returns what the SDK throws for an answer, or for an error without one. */
function thrownFor({ name = 'Unknown', message = name, status, code, headers = {} }: Answer): Error {
  return Object.assign(new Error(message), {
    name,
    ...(code === undefined ? {} : { code }),
    ...(status === undefined ? {} : { $metadata: { httpStatusCode: status, requestId: 'R1' } }),
    $response: { headers },
  });
}

const verdictOf = (answer: Answer, attempt = write): Verdict => translate(thrownFor(answer), attempt);

function faultOf(answer: Answer, attempt = write): Fault {
  const verdict = verdictOf(answer, attempt);
  if (verdict.kind !== 'fault') throw new Error(`a verdict of kind ${verdict.kind}`);
  return verdict.fault;
}

describe('a code of S3', () => {
  const kinds: readonly (readonly [string, number, FaultKind])[] = [
    ['NoSuchBucket', 404, 'not-found'],
    ['PreconditionFailed', 412, 'conflict'],
    ['ConditionalRequestConflict', 409, 'unavailable'],
    ['OperationAborted', 409, 'unavailable'],
    ['InvalidRange', 416, 'invalid'],
    ['InternalError', 500, 'unavailable'],
    ['InternalError', 200, 'unavailable'],
    ['SlowDown', 503, 'throttled'],
    ['SlowDown', 200, 'throttled'],
    ['RequestTimeout', 400, 'timed-out'],
    ['RequestTimeTooSkewed', 403, 'denied'],
    ['InvalidAccessKeyId', 403, 'denied'],
    ['SignatureDoesNotMatch', 403, 'denied'],
    ['ExpiredToken', 400, 'denied'],
    ['InvalidToken', 400, 'denied'],
    ['AccountProblem', 403, 'denied'],
    ['AllAccessDisabled', 403, 'denied'],
    ['BadDigest', 400, 'corrupt'],
    ['InvalidDigest', 400, 'corrupt'],
    ['XAmzContentChecksumMismatch', 400, 'corrupt'],
    ['XAmzContentSHA256Mismatch', 400, 'corrupt'],
    ['EntityTooLarge', 400, 'too-large'],
    ['EntityTooSmall', 400, 'invalid'],
    ['InvalidPart', 400, 'conflict'],
    ['InvalidPartOrder', 400, 'bug'],
    ['KeyTooLongError', 400, 'invalid'],
    ['InvalidObjectName', 400, 'invalid'],
    ['InvalidBucketName', 400, 'invalid'],
    ['MetadataTooLarge', 400, 'too-large'],
    ['NotImplemented', 501, 'unsupported'],
    ['QuotaExceeded', 403, 'over-quota'],
    ['InvalidObjectState', 403, 'unsupported'],
    ['InvalidEncryptionAlgorithmError', 400, 'bug'],
    ['PermanentRedirect', 301, 'invalid'],
    ['TemporaryRedirect', 307, 'invalid'],
    ['IllegalLocationConstraintException', 400, 'invalid'],
    ['AuthorizationHeaderMalformed', 400, 'invalid'],
    ['Throttling', 400, 'throttled'],
    ['ThrottlingException', 400, 'throttled'],
    ['TooManyRequestsException', 400, 'throttled'],
    ['RequestLimitExceeded', 400, 'throttled'],
    ['ProvisionedThroughputExceededException', 400, 'throttled'],
    ['BandwidthLimitExceeded', 503, 'throttled'],
    ['KMS.DisabledException', 400, 'invalid'],
  ];

  it.each(kinds)('%s (%d) is a fault of kind %s', (name, status, kind) => {
    for (const attempt of [write, read]) {
      const fault = faultOf({ name, status, message: 'sentence' }, attempt);
      expect(fault.kind).toBe(kind);
      expect(fault.cause).toBeInstanceOf(S3Error);
    }
  });

  it.each([
    ['NoSuchKey', 'absent'],
    ['NoSuchVersion', 'absent'],
    ['NoSuchUpload', 'no-upload'],
  ])('%s means %s', (name, kind) => expect(verdictOf({ name, status: 404 })).toEqual({ kind }));

  it('is not looked up in the properties that every object has', () => {
    for (const name of ['constructor', 'toString', '__proto__']) {
      expect(verdictOf({ name, status: 500 })).toMatchObject({
        kind: 'fault',
        fault: { kind: 'unavailable' },
      });
    }
  });

  it('names a KMS key by the message too', () => {
    expect(faultOf({ name: 'InvalidArgument', status: 400, message: 'bad aws:KMS-KeyId' }).kind).toBe(
      'invalid',
    );
    expect(verdictOf({ name: 'KMSomething', status: 400 }).kind).toBe('doubt');
  });

  it('names the other region if S3 does', () => {
    const headers = { 'x-amz-bucket-region': 'eu-west-3' };
    expect(faultOf({ name: 'PermanentRedirect', status: 301, headers }).hint).toContain(
      'in region eu-west-3',
    );
    expect(faultOf({ name: 'PermanentRedirect', status: 301 }).hint).toContain('in another region');
  });
});

describe('a status without a known code', () => {
  const kinds: readonly (readonly [number, FaultKind, FaultKind])[] = [
    [200, 'unavailable', 'unavailable'],
    [204, 'unavailable', 'unavailable'],
    [299, 'unavailable', 'unavailable'],
    [300, 'invalid', 'invalid'],
    [399, 'invalid', 'invalid'],
    [402, 'bug', 'unavailable'],
    [409, 'conflict', 'unavailable'],
    [412, 'conflict', 'conflict'],
    [416, 'invalid', 'invalid'],
    [418, 'bug', 'unavailable'],
    [429, 'throttled', 'throttled'],
    [499, 'bug', 'unavailable'],
    [500, 'unavailable', 'unavailable'],
    [501, 'unsupported', 'unsupported'],
    [502, 'unavailable', 'unavailable'],
    [503, 'throttled', 'throttled'],
    [504, 'unavailable', 'unavailable'],
    [507, 'over-quota', 'over-quota'],
    [599, 'unavailable', 'unavailable'],
    [199, 'bug', 'unavailable'],
  ];

  it.each(kinds)('%d is %s for a write and %s for a read', (status, forWrite, forRead) => {
    expect(faultOf({ status }).kind).toBe(forWrite);
    for (const operation of ['GetObject', 'HeadObject', 'ListObjectsV2']) {
      expect(faultOf({ status }, { ...read, operation }).kind).toBe(forRead);
    }
  });

  it('404 is an absent object, or an absent bucket if there is no body', () => {
    for (const name of ['Unknown', 'UnknownError', 'NotFound', 'Forbidden', 'BadRequest', '404']) {
      expect(verdictOf({ name, status: 404 })).toEqual({ kind: 'absent-or-no-bucket' });
    }
    for (const name of ['SomethingElse', 'UnknownX', 'XUnknown', '4040']) {
      expect(verdictOf({ name, status: 404 })).toEqual({ kind: 'absent' });
    }
  });

  it('405 is a delete marker', () => expect(verdictOf({ status: 405 })).toEqual({ kind: 'absent' }));

  it('400, 403 and a refusal inside a 200 need an explanation', () => {
    expect(verdictOf({ status: 400 })).toMatchObject({ kind: 'doubt', status: 400, code: null });
    expect(verdictOf({ status: 403, name: 'Forbidden' })).toMatchObject({
      kind: 'doubt',
      status: 403,
      code: null,
    });
    expect(verdictOf({ status: 403, name: 'AccessDenied', message: 'why' })).toMatchObject({
      kind: 'doubt',
      status: 403,
      code: 'AccessDenied',
      message: 'why',
    });
    expect(verdictOf({ status: 200, name: 'AccessDenied' })).toMatchObject({ kind: 'doubt', status: 403 });
  });
});

describe('an error without an answer', () => {
  const kinds: readonly (readonly [Answer, FaultKind])[] = [
    [{ name: 'AbortError' }, 'cancelled'],
    [{ name: 'TimeoutError' }, 'timed-out'],
    [{ name: 'CredentialsProviderError' }, 'denied'],
    [{ name: 'TokenProviderError' }, 'denied'],
    [{ name: 'Error', message: 'Region is missing' }, 'invalid'],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'invalid'],
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'invalid'],
    [{ code: 'UNABLE_TO_GET_ISSUER_CERT' }, 'invalid'],
    [{ code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }, 'invalid'],
    [{ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, 'invalid'],
    [{ code: 'CERT_HAS_EXPIRED' }, 'invalid'],
    [{ code: 'CERT_NOT_YET_VALID' }, 'invalid'],
    [{ code: 'CERT_UNTRUSTED' }, 'invalid'],
    [{ code: 'CERT_REVOKED' }, 'invalid'],
    [{ code: 'HOSTNAME_MISMATCH' }, 'invalid'],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'invalid'],
    [{ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }, 'invalid'],
    [{ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, 'invalid'],
    [{ code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' }, 'invalid'],
    [{ code: 'ERR_SSL_NO_SHARED_CIPHER' }, 'invalid'],
    [{ code: 'ERR_SSL_UNKNOWN_PROTOCOL' }, 'invalid'],
    [{ code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, 'invalid'],
    [{ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' }, 'invalid'],
    [{ code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' }, 'unavailable'],
    [{ code: 'ENOTFOUND' }, 'unavailable'],
    [{ code: 'EAI_AGAIN' }, 'unavailable'],
    [{ code: 'ETIMEDOUT' }, 'timed-out'],
    [{ code: 'ECONNREFUSED' }, 'unavailable'],
    [{ code: 'ECONNRESET' }, 'unavailable'],
    [{ code: 'EPIPE' }, 'unavailable'],
    [{ code: 'EHOSTUNREACH' }, 'unavailable'],
    [{ code: 'ERR_STREAM_PREMATURE_CLOSE' }, 'unavailable'],
    [{ code: 'HPE_INVALID_CONSTANT' }, 'unavailable'],
    [{ code: 'UND_ERR_SOCKET' }, 'unavailable'],
    [{ name: 'Error', message: 'socket hang up' }, 'unavailable'],
    [{ name: 'TypeError', message: 'x is not a function' }, 'bug'],
    [{ code: 'ERR_INVALID_ARG_TYPE' }, 'bug'],
    [{ code: 'XECONNRESET' }, 'bug'],
  ];

  it.each(kinds)('%j is a fault of kind %s', (error, kind) => expect(faultOf(error).kind).toBe(kind));

  it('distinguishes absent credentials from wrong ones', () => {
    const hintFor = (message: string) => faultOf({ name: 'CredentialsProviderError', message }).hint;
    expect(hintFor('Could not load credentials from any providers')).toContain(
      'no AWS credentials were found',
    );
    expect(hintFor('x: Could not load credentials from any providers')).toContain(
      'cannot be loaded (x: Could',
    );
  });

  it('keeps a fault, and wraps what is not an error', () => {
    const fault = new Fault('conflict', 'x');
    expect(translate(fault, write)).toEqual({ kind: 'fault', fault });
    for (const thrown of ['text', null, 7]) {
      const verdict = translate(thrown, write);
      expect(verdict.kind === 'fault' && isFault(verdict.fault, 'bug')).toBe(true);
    }
  });
});

describe('the cause for the log', () => {
  it('has the code, the status and the request id, and no key', () => {
    const key = Buffer.alloc(32, 7).toString('base64');
    const { cause } = faultOf({
      name: 'SignatureDoesNotMatch',
      status: 403,
      message: `canonical ${key} end`,
    });
    expect(String(cause)).toContain('SignatureDoesNotMatch: canonical [removed] end (HTTP 403, R1)');
    expect(JSON.stringify(cause)).not.toContain(key);
    expect(cause).toMatchObject({ code: 'SignatureDoesNotMatch', isDamage: false, stack: undefined });
  });

  it('marks bytes that were damaged on their way', () => {
    for (const name of ['BadDigest', 'XAmzContentChecksumMismatch', 'XAmzContentSHA256Mismatch']) {
      expect(faultOf({ name, status: 400 }).cause).toMatchObject({ isDamage: true });
    }
    expect(faultOf({ name: 'InvalidDigest', status: 400 }).cause).toMatchObject({ isDamage: false });
  });

  it('has no sentence that the SDK made up', () => {
    const sentenceOf = (answer: Answer) => (faultOf(answer).cause as S3Error).sentence;
    expect(sentenceOf({ name: 'NotImplemented', status: 501, message: ' No copies here. ' })).toBe(
      'No copies here.',
    );
    for (const message of ['NotImplemented', 'HTTP status 501', 'Unknown', 'UnknownError']) {
      expect(sentenceOf({ name: 'NotImplemented', status: 501, message })).toBe('');
    }
    expect(sentenceOf({ code: 'ECONNRESET', message: 'read ECONNRESET' })).toBe('');
  });

  it('follows the hint of a refusal, and not that of a passing fault', () => {
    const message = 'the reason';
    expect(faultOf({ name: 'NotImplemented', status: 501, message }).hint).toContain(
      'S3 answered: "the reason"',
    );
    expect(faultOf({ name: 'SlowDown', status: 503, message }).hint).not.toContain('the reason');
  });
});

it('names the object or the bucket of a request', () => {
  expect(placeOf(write)).toBe('"d/k" in bucket "b"');
  expect(placeOf({ ...write, key: null })).toBe('bucket "b"');
});

it('recognises a range past the end by its code or its status', () => {
  expect(isRangeRefusal(thrownFor({ name: 'InvalidRange' }))).toBe(true);
  expect(isRangeRefusal(thrownFor({ status: 416 }))).toBe(true);
  expect(isRangeRefusal(thrownFor({ name: 'Unknown', status: 400 }))).toBe(false);
  expect(isRangeRefusal(null)).toBe(false);
});
