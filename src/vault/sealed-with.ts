import type { CustomerKey } from '../model/customer-key.js';
import { noKey, type ReadAccess, type RestingEncryption, type WriteEncryption } from '../model/encryption.js';
import type { SealedWith } from '../model/ledger.js';

/** What the ledger keeps of an encryption: everything but the key. */
export function sealedWith(encryption: WriteEncryption): SealedWith {
  if (encryption.kind !== 'sse-c') return encryption;
  return {
    kind: 'sse-c',
    fingerprint: encryption.key.fingerprint,
    keyMd5Base64: encryption.key.md5Base64,
  };
}

/** What S3 says of an object that rests as was asked. */
export function restingUnder(encryption: WriteEncryption): RestingEncryption {
  if (encryption.kind === 'sse-c') return { kind: 'sse-c', keyMd5Base64: encryption.key.md5Base64 };
  return encryption.kind === 'bucket-default' ? { kind: 'unknown' } : encryption;
}

/** The access that opens what rests under `sealed`; null when its key is not among `keys`. */
export function accessAmong(sealed: SealedWith, keys: readonly CustomerKey[]): ReadAccess | null {
  if (sealed.kind !== 'sse-c') return noKey;
  const key = keys.find((candidate) => candidate.fingerprint === sealed.fingerprint);
  return key === undefined ? null : { kind: 'sse-c', key };
}

/** Whether what S3 says of an object is what was asked for. A server that does not say has not done it. */
export function restsUnder(resting: RestingEncryption, sealed: SealedWith): boolean {
  switch (sealed.kind) {
    case 'sse-c':
      return resting.kind === 'sse-c' && resting.keyMd5Base64 === sealed.keyMd5Base64;
    case 'sse-kms':
      return (
        resting.kind === 'sse-kms' && (resting.keyArn === null || sameKmsKey(resting.keyArn, sealed.keyArn))
      );
    case 'sse-s3':
      return resting.kind === 'sse-s3';
    case 'bucket-default':
      return resting.kind !== 'sse-c';
  }
}

/** S3 answers with the key's ARN also when an id or an alias was asked for, and those cannot be compared. */
function sameKmsKey(answered: string, asked: string): boolean {
  return answered === asked || !asked.includes(':key/');
}
