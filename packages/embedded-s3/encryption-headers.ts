import { createHash, timingSafeEqual } from 'node:crypto';
import { decodeBase64 } from './base64.js';
import { accessDenied, invalidArgument, invalidRequest, S3Error } from './errors.js';
import type { AnswerHeaders } from './http/answer.js';
import type { Headers } from './http/request.js';
import type { ServerKeys } from './storage/key-wrap.js';
import type { Bucket, BucketEncryption, RestEncryption } from './storage/records.js';

/** The account that owns everything. */
export const accountId = '000000000000';

export const encryptionHeader = 'x-amz-server-side-encryption';
const kmsKeyHeader = 'x-amz-server-side-encryption-aws-kms-key-id';
const bucketKeyHeader = 'x-amz-server-side-encryption-bucket-key-enabled';

/** The customer's key of one request: its raw bytes, and the MD5 to echo. */
export interface CustomerKeyHeaders {
  readonly key: Uint8Array;
  readonly md5Base64: string;
}

type KeyPrefix = 'x-amz-' | 'x-amz-copy-source-';

function trio(headers: Headers, prefix: KeyPrefix) {
  const name = `${prefix}server-side-encryption-customer-`;
  return {
    algorithm: headers[`${name}algorithm`],
    key: headers[`${name}key`],
    md5: headers[`${name}key-md5`],
  };
}

/** Returns true if any of the three key headers is present. */
export function carriesCustomerKey(headers: Headers, prefix: KeyPrefix = 'x-amz-'): boolean {
  const { algorithm, key, md5 } = trio(headers, prefix);
  return algorithm !== undefined || key !== undefined || md5 !== undefined;
}

/** AWS names this argument in every error about the three headers, those of the copy source included. */
const keyArgument = (message: string, value = 'null'): S3Error =>
  invalidArgument(message, encryptionHeader, value);

/**
 * Returns the customer's key, or null if none of its headers is present. Checks in AWS's order:
 * algorithm present, key present, algorithm known, MD5 present, MD5 correct. `requireKeyLength`
 * checks the length of the key, for a write only: on a read, a key of another length is just
 * another key. Throws the 400 of each.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
 */
export function parseCustomerKey(headers: Headers, prefix: KeyPrefix = 'x-amz-'): CustomerKeyHeaders | null {
  if (!carriesCustomerKey(headers, prefix)) return null;
  const { algorithm, key, md5 } = trio(headers, prefix);
  const stem = 'Requests specifying Server Side Encryption with Customer provided keys must provide';
  if (!algorithm) throw keyArgument(`${stem} a valid encryption algorithm.`);
  if (!key) throw keyArgument(`${stem} an appropriate secret key.`);
  if (algorithm !== 'AES256') {
    throw new S3Error(
      'InvalidEncryptionAlgorithmError',
      400,
      'The Encryption request you specified is not valid. Supported value: AES256.',
      { details: { ArgumentName: encryptionHeader, ArgumentValue: algorithm } },
    );
  }
  if (!md5) throw keyArgument(`${stem} the client calculated MD5 of the secret key.`);
  const bytes = decodeBase64(key);
  if (bytes === null) throw keyArgument('The secret key was invalid for the specified algorithm.');
  const calculated = createHash('md5').update(bytes).digest();
  const declared = decodeBase64(md5);
  if (declared?.byteLength !== calculated.byteLength || !timingSafeEqual(declared, calculated)) {
    throw keyArgument('The calculated MD5 hash of the key did not match the hash that was provided.');
  }
  return { key: bytes, md5Base64: calculated.toString('base64') };
}

/** Throws InvalidArgument if the key is not an AES-256 key. */
export function requireKeyLength({ key }: CustomerKeyHeaders): void {
  if (key.byteLength !== 32) throw keyArgument('The secret key was invalid for the specified algorithm.');
}

/** The encryption of a write, with the key of this request if it is a customer's. */
export interface WriteEncryption {
  readonly encryption: RestEncryption;
  readonly customerKey: CustomerKeyHeaders | null;
}

/**
 * Returns the encryption that a request for an object or an upload specifies, or else the bucket's
 * default. Throws AccessDenied for a customer's key if the bucket blocks them, before it checks the
 * key.
 */
export function resolveWriteEncryption(
  headers: Headers,
  bucket: Bucket,
  keys: ServerKeys,
  region: string,
  denied: () => S3Error,
): WriteEncryption {
  const requested = headers[encryptionHeader];
  if (carriesCustomerKey(headers)) {
    if (bucket.blocksSseC) throw denied();
    if (requested !== undefined) {
      throw keyArgument(
        'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
        requested,
      );
    }
    const customerKey = parseCustomerKey(headers);
    if (customerKey !== null) {
      requireKeyLength(customerKey);
      return { encryption: { kind: 'sse-c', verifier: keys.makeVerifier(customerKey.key) }, customerKey };
    }
  }
  return { encryption: managedEncryption(headers, bucket.encryption, region), customerKey: null };
}

function managedEncryption(headers: Headers, fallback: BucketEncryption, region: string): RestEncryption {
  const algorithm = headers[encryptionHeader];
  const keyId = headers[kmsKeyHeader];
  const bucketKey = headers[bucketKeyHeader];
  if (keyId !== undefined && algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse') {
    throw invalidArgument(
      `Server Side Encryption with AWS KMS managed key requires HTTP header ${encryptionHeader} : aws:kms`,
      encryptionHeader,
      algorithm ?? 'null',
    );
  }
  if (algorithm === undefined) return defaultEncryption(fallback, region);
  if (algorithm === 'AES256') return { kind: 'sse-s3' };
  if (algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse') {
    throw invalidArgument('The encryption method specified is not supported', encryptionHeader, algorithm);
  }
  return {
    kind: 'sse-kms',
    algorithm,
    keyArn: kmsKeyArn(keyId ?? (fallback.algorithm === algorithm ? fallback.keyArn : null), region),
    bucketKey: bucketKey === undefined ? fallback.bucketKey : bucketKey.toLowerCase() === 'true',
  };
}

function defaultEncryption(fallback: BucketEncryption, region: string): RestEncryption {
  if (fallback.algorithm === 'AES256') return { kind: 'sse-s3' };
  const { algorithm, keyArn, bucketKey } = fallback;
  return { kind: 'sse-kms', algorithm, keyArn: kmsKeyArn(keyArn, region), bucketKey };
}

/**
 * Returns the ARN of a KMS key from any name that a client may give it; without a name that of the
 * account's `aws/s3` key. Every key is known here.
 */
function kmsKeyArn(keyId: string | null, region: string): string {
  const stem = `arn:aws:kms:${region}:${accountId}:`;
  if (keyId === null || keyId === '' || keyId === 'alias/aws/s3') return `${stem}key/aws-s3`;
  if (keyId.startsWith('arn:')) return keyId;
  return keyId.startsWith('alias/') ? stem + keyId : `${stem}key/${keyId}`;
}

/** Returns the response headers about the encryption of an object. */
export function encryptionAnswer(
  encryption: RestEncryption,
  customerKey: CustomerKeyHeaders | null,
): AnswerHeaders {
  switch (encryption.kind) {
    case 'sse-s3':
      return { [encryptionHeader]: 'AES256' };
    case 'sse-kms':
      return {
        [encryptionHeader]: encryption.algorithm,
        [kmsKeyHeader]: encryption.keyArn,
        [bucketKeyHeader]: encryption.bucketKey ? 'true' : undefined,
      };
    case 'sse-c':
      return customerKey === null
        ? {}
        : {
            'x-amz-server-side-encryption-customer-algorithm': 'AES256',
            'x-amz-server-side-encryption-customer-key-md5': customerKey.md5Base64,
          };
  }
}

/**
 * Returns the key that reads an object, or null if it is not encrypted with a customer's. Throws
 * InvalidRequest (a key is required, or must not be sent), AccessDenied (another key), and the 400s
 * of a malformed one.
 */
export function resolveReadKey(
  headers: Headers,
  encryption: RestEncryption,
  keys: ServerKeys,
  prefix: KeyPrefix = 'x-amz-',
): CustomerKeyHeaders | null {
  const customerKey = parseCustomerKey(headers, prefix);
  if (encryption.kind !== 'sse-c') {
    if (customerKey === null) return null;
    requireKeyLength(customerKey);
    throw invalidRequest('The encryption parameters are not applicable to this object.');
  }
  if (customerKey === null) {
    throw invalidRequest(
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
    );
  }
  if (!keys.isSameKey(encryption.verifier, customerKey.key)) {
    throw accessDenied(
      'Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.',
    );
  }
  return customerKey;
}

/**
 * Returns the key that seals a part: the upload's. Throws InvalidRequest if it is missing, not
 * needed or another one.
 */
export function resolvePartKey(
  headers: Headers,
  encryption: RestEncryption,
  keys: ServerKeys,
): CustomerKeyHeaders | null {
  const customerKey = parseCustomerKey(headers);
  if ((encryption.kind === 'sse-c') !== (customerKey !== null)) {
    throw invalidRequest(
      'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.',
    );
  }
  if (encryption.kind !== 'sse-c' || customerKey === null) return null;
  requireKeyLength(customerKey);
  if (!keys.isSameKey(encryption.verifier, customerKey.key)) {
    throw invalidRequest('The provided encryption parameters did not match the ones used originally.');
  }
  return customerKey;
}

/** Throws if a read, or a part, carries the header that only requests for a new object may have. */
export function refuseEncryptionHeader(headers: Headers): void {
  const value = headers[encryptionHeader];
  if (value === undefined) return;
  throw invalidArgument(
    'x-amz-server-side-encryption header is not supported for this operation.',
    encryptionHeader,
    value,
  );
}
