import type { CustomerKey } from '../model/customer-key.js';
import { noKey, type ObjectEncryption, type ReadAccess, type WriteEncryption } from '../model/encryption.js';
import type { SealedWith } from '../model/ledger.js';

/** Returns what the ledger records about an encryption: everything except the key. */
export function sealedWith(encryption: WriteEncryption): SealedWith {
  if (encryption.kind !== 'sse-c') return encryption;
  return {
    kind: 'sse-c',
    fingerprint: encryption.key.fingerprint,
    keyMd5Base64: encryption.key.md5Base64,
  };
}

/**
 * Returns what the ledger records about an encryption that S3 reports. Null for a customer key that is not
 * among `keys`.
 */
export function sealedAsReported(
  encryption: ObjectEncryption,
  keys: readonly CustomerKey[],
): SealedWith | null {
  if (encryption.kind === 'sse-c') {
    const key = keys.find(({ md5Base64 }) => md5Base64 === encryption.keyMd5Base64);
    return key === undefined ? null : sealedWith({ kind: 'sse-c', key });
  }
  if (encryption.kind === 'sse-s3') return { kind: 'sse-s3' };
  if (encryption.kind === 'sse-kms' && encryption.keyArn !== null)
    return { kind: 'sse-kms', keyArn: encryption.keyArn };
  return { kind: 'bucket-default' };
}

/** Returns the encryption that S3 reports for an object that was written with `encryption`. */
export function expectedEncryption(encryption: WriteEncryption): ObjectEncryption {
  if (encryption.kind === 'sse-c') return { kind: 'sse-c', keyMd5Base64: encryption.key.md5Base64 };
  return encryption.kind === 'bucket-default' ? { kind: 'unknown' } : encryption;
}

/** Returns the access that opens an object encrypted as `sealed`, or null if its key is not among `keys`. */
export function accessWithKeys(sealed: SealedWith, keys: readonly CustomerKey[]): ReadAccess | null {
  if (sealed.kind !== 'sse-c') return noKey;
  const key = keys.find((candidate) => candidate.fingerprint === sealed.fingerprint);
  return key === undefined ? null : { kind: 'sse-c', key };
}

/**
 * Returns whether the encryption that S3 reports is the one requested. A server that does not report an
 * encryption has not applied it.
 */
export function isEncryptedAs(encryption: ObjectEncryption, sealed: SealedWith): boolean {
  switch (sealed.kind) {
    case 'sse-c':
      return encryption.kind === 'sse-c' && encryption.keyMd5Base64 === sealed.keyMd5Base64;
    case 'sse-kms':
      return (
        encryption.kind === 'sse-kms' &&
        (encryption.keyArn === null || sameKmsKey(encryption.keyArn, sealed.keyArn))
      );
    case 'sse-s3':
      return encryption.kind === 'sse-s3';
    case 'bucket-default':
      return encryption.kind !== 'sse-c';
  }
}

/**
 * Returns whether two KMS keys may be the same. S3 answers with an ARN even if an id or an alias was
 * requested, and those cannot be compared.
 */
function sameKmsKey(answered: string, asked: string): boolean {
  return answered === asked || !asked.includes(':key/');
}
