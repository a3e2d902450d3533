import type { CustomerKey } from '../model/customer-key.js';
import type { ObjectEncryption, ReadAccess, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';

/*
 * The only place that puts a customer key into a request. The SDK makes the three headers from the raw bytes.
 */

interface CustomerKeyInput {
  SSECustomerAlgorithm: 'AES256';
  SSECustomerKey: Uint8Array & string;
}

interface SourceKeyInput {
  CopySourceSSECustomerAlgorithm: 'AES256';
  CopySourceSSECustomerKey: Uint8Array & string;
}

interface ManagedInput {
  ServerSideEncryption: 'AES256' | 'aws:kms';
  SSEKMSKeyId?: string;
}

/** The SDK's types want a string, its documentation and its code want bytes, which it never has to guess. */
function rawKey(key: CustomerKey): Uint8Array & string {
  return key.reveal() as Uint8Array & string;
}

function customerKeyFields(key: CustomerKey): CustomerKeyInput {
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: rawKey(key) };
}

/** Returns the key fields of GetObject and HeadObject. */
export function readInput(access: ReadAccess): CustomerKeyInput | Record<string, never> {
  return access.kind === 'sse-c' ? customerKeyFields(access.key) : {};
}

/** Returns the three customer key headers, for requests without the SDK. */
export function keyHeaders(access: ReadAccess | WriteEncryption): Readonly<Record<string, string>> {
  if (access.kind !== 'sse-c') return {};
  return {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': Buffer.from(access.key.reveal()).toString('base64'),
    'x-amz-server-side-encryption-customer-key-md5': access.key.md5Base64,
  };
}

/** Returns the key fields for the source of CopyObject and UploadPartCopy. */
export function sourceInput(access: ReadAccess): SourceKeyInput | Record<string, never> {
  return access.kind === 'sse-c'
    ? { CopySourceSSECustomerAlgorithm: 'AES256', CopySourceSSECustomerKey: rawKey(access.key) }
    : {};
}

/** Returns the encryption fields of PutObject, CreateMultipartUpload and CopyObject. */
export function writeInput(
  encryption: WriteEncryption,
): CustomerKeyInput | ManagedInput | Record<string, never> {
  switch (encryption.kind) {
    case 'sse-c':
      return customerKeyFields(encryption.key);
    case 'sse-s3':
      return { ServerSideEncryption: 'AES256' };
    case 'sse-kms':
      return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryption.keyArn };
    case 'bucket-default':
      return {};
  }
}

/**
 * Returns the encryption fields for the requests of a multipart upload that has begun: the customer key only.
 * Ceph and bucket policies that require SSE-C need it in Complete too; AWS accepts it.
 */
export function partInput(encryption: WriteEncryption): CustomerKeyInput | Record<string, never> {
  return encryption.kind === 'sse-c' ? customerKeyFields(encryption.key) : {};
}

/** The fields of an answer that describe an object's encryption. */
export interface EncryptionEcho {
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly SSECustomerKeyMD5?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
}

/** Returns the object's encryption according to an answer. */
export function objectEncryption(echo: EncryptionEcho): ObjectEncryption {
  if (echo.SSECustomerKeyMD5 !== undefined) {
    return { kind: 'sse-c', keyMd5Base64: echo.SSECustomerKeyMD5 };
  }
  if (echo.ServerSideEncryption === 'AES256') return { kind: 'sse-s3' };
  if (echo.ServerSideEncryption?.startsWith('aws:kms')) {
    return { kind: 'sse-kms', keyArn: echo.SSEKMSKeyId ?? null };
  }
  return { kind: 'unknown' };
}

/** A `corrupt` fault: S3's answer to a write does not confirm the requested encryption. */
export class UnconfirmedEncryption extends Fault {
  constructor({ bucket, key }: ObjectRef, problem: string) {
    super('corrupt', `S3 did not store "${key}" in bucket "${bucket}" as requested: ${problem}`);
  }
}

/**
 * Throws `UnconfirmedEncryption` when S3 does not confirm the encryption that a write requested. The bytes may be
 * encrypted with less than that.
 */
export function checkWriteEcho(ref: ObjectRef, asked: WriteEncryption, echo: EncryptionEcho): void {
  const problem = echoProblem(asked, echo);
  if (problem !== null) throw new UnconfirmedEncryption(ref, problem);
}

/** Returns true when S3's answer to a write confirms the encryption that it requested. */
export function isConfirmed(asked: WriteEncryption, echo: EncryptionEcho): boolean {
  return echoProblem(asked, echo) === null;
}

/**
 * Does the same for UploadPart and UploadPartCopy. All servers echo a customer key there, but not all the
 * rest.
 */
export function checkPartEcho(ref: ObjectRef, asked: WriteEncryption, echo: EncryptionEcho): void {
  if (asked.kind === 'sse-c') checkWriteEcho(ref, asked, echo);
}

function echoProblem(asked: WriteEncryption, echo: EncryptionEcho): string | null {
  switch (asked.kind) {
    case 'sse-c':
      if (echo.SSECustomerAlgorithm !== 'AES256' || echo.SSECustomerKeyMD5 === undefined) {
        return 'the answer does not confirm the customer key (SSE-C)';
      }
      return echo.SSECustomerKeyMD5 === asked.key.md5Base64 ? null : 'the answer names another customer key';
    case 'sse-s3':
      return echo.ServerSideEncryption === 'AES256' ? null : 'the answer does not confirm SSE-S3 (AES256)';
    case 'sse-kms':
      if (!echo.ServerSideEncryption?.startsWith('aws:kms')) return 'the answer does not confirm SSE-KMS';
      return sameKmsKey(asked.keyArn, echo.SSEKMSKeyId) ? null : 'the answer names another KMS key';
    case 'bucket-default':
      return null;
  }
}

/**
 * Compares the requested KMS key (ARN, id or alias) with the ARN in the answer. An alias cannot be compared.
 */
function sameKmsKey(asked: string, echoed: string | undefined): boolean {
  if (echoed === undefined || echoed === asked || asked.includes('alias/')) return true;
  return echoed.endsWith(`:key/${asked}`) || asked.endsWith(`:key/${echoed}`);
}

/**
 * Throws `key-mismatch` when a key was sent for an object that has none. AWS refuses such a read. Other
 * servers ignore the key, and the caller must not take the bytes for encrypted. Throws `corrupt` when the
 * answer names another key.
 */
export function checkReadEcho(ref: ObjectRef, access: ReadAccess, echo: EncryptionEcho): void {
  if (access.kind !== 'sse-c') return;
  if (echo.SSECustomerKeyMD5 === undefined) throw keyNotApplicable(ref);
  if (echo.SSECustomerKeyMD5 !== access.key.md5Base64) {
    throw new Fault(
      'corrupt',
      `S3 answered for "${ref.key}" in bucket "${ref.bucket}" with another customer key`,
    );
  }
}

/** Returns the fault for a key that was sent for an object without one. */
export function keyNotApplicable(ref: ObjectRef): Fault {
  return new Fault(
    'key-mismatch',
    `"${ref.key}" in bucket "${ref.bucket}" is not encrypted with a customer key (SSE-C); read it without one`,
  );
}
