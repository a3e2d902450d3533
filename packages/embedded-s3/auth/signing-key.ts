import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CredentialScope } from './signature-claim.js';

/** The key derived from a secret for one day, region and service (SigV4 task 3). */
export class SigningKey {
  readonly #key: Buffer;

  constructor(secretAccessKey: string, { date, region }: CredentialScope) {
    const dateKey = hmac(`AWS4${secretAccessKey}`, date);
    const regionKey = hmac(dateKey, region);
    this.#key = hmac(hmac(regionKey, 's3'), 'aws4_request');
  }

  /** Returns the signature of a string to sign, in hexadecimal. */
  sign(stringToSign: string): string {
    return hmac(this.#key, stringToSign).toString('hex');
  }
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Compares two signatures in constant time. */
export function signaturesEqual(computed: string, claimed: string): boolean {
  const a = Buffer.from(computed);
  const b = Buffer.from(claimed);
  return a.length === b.length && timingSafeEqual(a, b);
}
