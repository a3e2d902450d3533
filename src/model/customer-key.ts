import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { Fault } from './fault.js';

declare const fingerprintBrand: unique symbol;

/**
 * The name of a key: 32 lower-case hex digits of a domain-separated SHA-256 of the key. It does not
 * reveal the key.
 */
export type KeyFingerprint = string & { readonly [fingerprintBrand]: true };

export const customerKeyBytes = 32;

/**
 * Parses a stored fingerprint (from the ledger, a tag or a command line). Throws `invalid` for
 * other text.
 */
export function parseKeyFingerprint(text: string): KeyFingerprint {
  if (!/^[0-9a-f]{32}$/.test(text))
    throw new Fault('invalid', 'not a key fingerprint: expected 32 hexadecimal digits');
  return text as KeyFingerprint;
}

/**
 * A customer's AES-256 key (SSE-C). The bytes leave only through `reveal`, which only the S3
 * adapter, the keyring and the recovery of raw key files call. All ways of printing the object show
 * the fingerprint instead.
 */
export class CustomerKey {
  readonly #bytes: Uint8Array;
  readonly fingerprint: KeyFingerprint;
  /** Base64 of the MD5 of the raw key, which S3 echoes as x-amz-server-side-encryption-customer-key-MD5. */
  readonly md5Base64: string;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.fingerprint = createHash('sha256')
      .update('sftpgw customer key fingerprint v1\0')
      .update(bytes)
      .digest('hex')
      .slice(0, 32) as KeyFingerprint;
    this.md5Base64 = createHash('md5').update(bytes).digest('base64');
  }

  /** Copies exactly 32 raw bytes. Throws `invalid` for any other length. */
  static fromBytes(raw: Uint8Array): CustomerKey {
    if (raw.byteLength !== customerKeyBytes) {
      throw new Fault(
        'invalid',
        `not an AES-256 key: expected ${customerKeyBytes} bytes, found ${raw.byteLength}`,
      );
    }
    return new CustomerKey(Uint8Array.from(raw));
  }

  /**
   * Decodes the base64 text of exactly 32 bytes. White space around it is allowed, as in a pasted
   * line or at the end of a file. Throws `invalid` with the reason, never with the text.
   */
  static fromBase64(text: string): CustomerKey {
    const trimmed = text.trim();
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(trimmed) || trimmed.length % 4 !== 0) {
      throw new Fault(
        'invalid',
        'the key is not base64: expected 44 characters, as printed by `openssl rand -base64 32`',
      );
    }
    const raw = Buffer.from(trimmed, 'base64');
    if (raw.byteLength !== customerKeyBytes) {
      throw new Fault(
        'invalid',
        `not an AES-256 key: the base64 text decodes to ${raw.byteLength} bytes, expected ${customerKeyBytes}`,
      );
    }
    return new CustomerKey(Uint8Array.from(raw));
  }

  /** Returns a fresh copy of the raw bytes, for a request to S3 or for sealing. Do not keep it. */
  reveal(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  equals(other: CustomerKey): boolean {
    return timingSafeEqual(this.#bytes, other.#bytes);
  }

  toString(): string {
    return `CustomerKey(${this.fingerprint})`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
