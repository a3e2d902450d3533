import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CustomerKey } from '../model/customer-key.js';
import { noKey, type WriteEncryption } from '../model/encryption.js';
import { isFault } from '../model/fault.js';
import {
  checkReadEcho,
  checkWriteEcho,
  type EncryptionEcho,
  objectEncryption,
  partInput,
  readInput,
  sourceInput,
  writeInput,
} from './encryption-headers.js';

const ref = { bucket: 'bucket', key: 'key' };
const key = CustomerKey.fromBytes(randomBytes(32));
const other = CustomerKey.fromBytes(randomBytes(32));
const sealed = { kind: 'sse-c', key } as const;
const arn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd';
const kms = (keyArn: string): WriteEncryption => ({ kind: 'sse-kms', keyArn });

describe('the encryption of a request', () => {
  it('is the raw key for SSE-C, without managed encryption', () => {
    expect(writeInput(sealed)).toEqual({ SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.reveal() });
    expect(readInput(sealed)).toEqual(writeInput(sealed));
    expect(partInput(sealed)).toEqual(writeInput(sealed));
    expect(sourceInput(sealed)).toEqual({
      CopySourceSSECustomerAlgorithm: 'AES256',
      CopySourceSSECustomerKey: key.reveal(),
    });
  });

  it('is the requested one otherwise, and nothing for parts', () => {
    expect(writeInput({ kind: 'sse-s3' })).toEqual({ ServerSideEncryption: 'AES256' });
    expect(writeInput(kms(arn))).toEqual({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn });
    expect(writeInput({ kind: 'bucket-default' })).toEqual({});
    expect([partInput({ kind: 'sse-s3' }), readInput(noKey), sourceInput(noKey)]).toEqual([{}, {}, {}]);
  });
});

describe('the encryption in an answer', () => {
  const echoOf = (own: CustomerKey): EncryptionEcho => ({
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKeyMD5: own.md5Base64,
  });

  it.each<[string, WriteEncryption, EncryptionEcho]>([
    ['the same key', sealed, echoOf(key)],
    ['SSE-S3', { kind: 'sse-s3' }, { ServerSideEncryption: 'AES256' }],
    ['the same KMS key', kms(arn), { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn }],
    [
      'the ARN of a KMS key requested by id',
      kms('1234abcd'),
      { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn },
    ],
    ['the key behind an alias', kms('alias/x'), { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn }],
    ['KMS in two layers', kms(arn), { ServerSideEncryption: 'aws:kms:dsse', SSEKMSKeyId: arn }],
    ['whatever the bucket does', { kind: 'bucket-default' }, {}],
  ])('is accepted: %s', (_, asked, echo) => {
    checkWriteEcho(ref, asked, echo);
  });

  it.each<[string, WriteEncryption, EncryptionEcho]>([
    ['nothing, for a customer key', sealed, {}],
    ['another key', sealed, echoOf(other)],
    ['a key without algorithm', sealed, { SSECustomerKeyMD5: key.md5Base64 }],
    ['SSE-S3 for a customer key', sealed, { ServerSideEncryption: 'AES256' }],
    ['nothing, for SSE-S3', { kind: 'sse-s3' }, {}],
    ['KMS for SSE-S3', { kind: 'sse-s3' }, { ServerSideEncryption: 'aws:kms' }],
    ['SSE-S3 for KMS', kms(arn), { ServerSideEncryption: 'AES256' }],
    ['another KMS key', kms(arn), { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: `${arn}5` }],
  ])('is refused: %s', (_, asked, echo) => {
    const check = () => checkWriteEcho(ref, asked, echo);
    expect(check).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  });

  it('of a read must name the key that was sent', () => {
    checkReadEcho(ref, sealed, echoOf(key));
    checkReadEcho(ref, noKey, {});
    const kindOf = (echo: EncryptionEcho) => {
      try {
        return checkReadEcho(ref, sealed, echo);
      } catch (error) {
        return isFault(error) ? error.kind : error;
      }
    };
    expect(kindOf({})).toBe('key-mismatch');
    expect(kindOf({ ServerSideEncryption: 'AES256' })).toBe('key-mismatch');
    expect(kindOf(echoOf(other))).toBe('corrupt');
  });

  it('is that of the object', () => {
    expect(objectEncryption(echoOf(key))).toEqual({ kind: 'sse-c', keyMd5Base64: key.md5Base64 });
    expect(objectEncryption({ ServerSideEncryption: 'AES256' })).toEqual({ kind: 'sse-s3' });
    expect(objectEncryption({ ServerSideEncryption: 'aws:kms' })).toEqual({ kind: 'sse-kms', keyArn: null });
    expect(objectEncryption({})).toEqual({ kind: 'unknown' });
  });
});
