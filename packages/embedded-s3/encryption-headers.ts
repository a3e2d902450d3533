import { createHash, timingSafeEqual } from 'node:crypto';
import { accessDenied, invalidArgument, invalidRequest, S3Error } from './errors.js';
import type { AnswerHeaders } from './http/answer.js';
import type { Headers } from './http/request.js';
import type { ServerKeys } from './storage/key-wrap.js';
import type { Bucket, BucketEncryption, RestEncryption } from './storage/records.js';

/** The account that everything belongs to. */
export const accountId = '000000000000';

export const encryptionHeader = 'x-amz-server-side-encryption';
const kmsKeyHeader = 'x-amz-server-side-encryption-aws-kms-key-id';
const bucketKeyHeader = 'x-amz-server-side-encryption-bucket-key-enabled';

/** The customer's key of a request: its raw bytes, for this request only, and the MD5 to echo. */
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

/** True when any of the three key headers is there. */
export function carriesCustomerKey(headers: Headers, prefix: KeyPrefix = 'x-amz-'): boolean {
  const { algorithm, key, md5 } = trio(headers, prefix);
  return algorithm !== undefined || key !== undefined || md5 !== undefined;
}

/** AWS names this argument for every fault of the trio, the copy source's too. */
const keyArgument = (message: string, value = 'null'): S3Error =>
  invalidArgument(message, encryptionHeader, value);

/**
 * The customer's key, or null when none of its headers is there. Checked in AWS's order: algorithm given, key given,
 * algorithm known, MD5 given, MD5 right. The key's length is checked by `requireKeyLength`, for a write only: on a read a key
 * of another length is just another key. Throws the 400 of each.
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
  const bytes = Buffer.from(key, 'base64');
  const calculated = createHash('md5').update(bytes).digest();
  const declared = Buffer.from(md5, 'base64');
  if (declared.byteLength !== calculated.byteLength || !timingSafeEqual(declared, calculated)) {
    throw keyArgument('The calculated MD5 hash of the key did not match the hash that was provided.');
  }
  return { key: bytes, md5Base64: calculated.toString('base64') };
}

/** Throws InvalidArgument when the key cannot be an AES-256 key. */
export function requireKeyLength({ key }: CustomerKeyHeaders): void {
  if (key.byteLength !== 32) throw keyArgument('The secret key was invalid for the specified algorithm.');
}

/** What a write is to rest under, with the key for this request when it is a customer's. */
export interface WriteEncryption {
  readonly encryption: RestEncryption;
  readonly customerKey: CustomerKeyHeaders | null;
}

/**
 * What a request that makes an object or an upload asks for, or else the bucket's default.
 * Throws AccessDenied for a customer's key where the bucket blocks them, before the key is looked at.
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

/** A key's ARN from what a client may name it by; without a name the account's `aws/s3` key. Any key is known here. */
function kmsKeyArn(keyId: string | null, region: string): string {
  const stem = `arn:aws:kms:${region}:${accountId}:`;
  if (keyId === null || keyId === '' || keyId === 'alias/aws/s3') return `${stem}key/aws-s3`;
  if (keyId.startsWith('arn:')) return keyId;
  return keyId.startsWith('alias/') ? stem + keyId : `${stem}key/${keyId}`;
}

/** The response headers that say how an object rests. */
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
 * The key that reads an object: null for one that is not under a customer's. Throws InvalidRequest (a key is needed; or must
 * not be sent), AccessDenied (another key), and the 400s of a malformed one.
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

/** The key that a part is to be sealed under: the upload's. Throws InvalidRequest when it is missing, needless or another. */
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

/** Throws when a read, or a part, carries the header that only belongs to making an object. */
export function refuseEncryptionHeader(headers: Headers): void {
  const value = headers[encryptionHeader];
  if (value === undefined) return;
  throw invalidArgument(
    'x-amz-server-side-encryption header is not supported for this operation.',
    encryptionHeader,
    value,
  );
}
