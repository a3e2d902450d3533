import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { dataKeyBytes, SealBroken } from './sealed-body.js';

const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const wrapCipher = 'aes-256-gcm';

/** The index's record of a customer's key: enough to recognise it, not enough to find it. */
export interface KeyVerifier {
  readonly salt: Uint8Array;
  readonly hmac: Uint8Array;
}

/**
 * The server's own secrets, derived from one random 32-byte master key. It wraps the data keys of
 * bodies without a customer's key, and peppers the verifiers of customers' keys.
 */
export class ServerKeys {
  readonly #wrappingKey: Uint8Array;
  readonly #verifierKey: Uint8Array;

  constructor(masterKey: Uint8Array) {
    this.#wrappingKey = derive(masterKey, new Uint8Array(0), 'embedded-s3 server wrapping key v1');
    this.#verifierKey = derive(masterKey, new Uint8Array(0), 'embedded-s3 customer key verifier v1');
  }

  /** Returns a verifier for a customer's key, with a new salt. */
  makeVerifier(customerKey: Uint8Array): KeyVerifier {
    const salt = randomBytes(saltBytes);
    return { salt, hmac: this.#hmac(salt, customerKey) };
  }

  /** Returns true if the verifier was made for this key. */
  isSameKey(verifier: KeyVerifier, customerKey: Uint8Array): boolean {
    return timingSafeEqual(this.#hmac(verifier.salt, customerKey), verifier.hmac);
  }

  /**
   * Wraps the data key of a body with the customer's key, or with the server's own if that is null.
   * The id of the body is bound to it: a wrapped key fits no other body.
   */
  wrap(dataKey: Uint8Array, bodyId: string, customerKey: Uint8Array | null): Uint8Array {
    const salt = randomBytes(saltBytes);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(wrapCipher, this.#wrappingKeyFor(salt, customerKey), nonce);
    cipher.setAAD(Buffer.from(bodyId));
    const wrapped = cipher.update(dataKey);
    cipher.final();
    return Buffer.concat([salt, nonce, wrapped, cipher.getAuthTag()]);
  }

  /** Returns the data key. Throws `SealBroken` for another key, another body or a changed row. */
  unwrap(wrapped: Uint8Array, bodyId: string, customerKey: Uint8Array | null): Uint8Array {
    const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength);
    if (bytes.byteLength !== saltBytes + nonceBytes + dataKeyBytes + tagBytes) throw new SealBroken(0);
    const keyStart = saltBytes + nonceBytes;
    const tagStart = keyStart + dataKeyBytes;
    const kek = this.#wrappingKeyFor(bytes.subarray(0, saltBytes), customerKey);
    const decipher = createDecipheriv(wrapCipher, kek, bytes.subarray(saltBytes, keyStart));
    decipher.setAAD(Buffer.from(bodyId));
    decipher.setAuthTag(bytes.subarray(tagStart));
    const dataKey = decipher.update(bytes.subarray(keyStart, tagStart));
    try {
      decipher.final();
    } catch (error) {
      throw new SealBroken(0, error);
    }
    return dataKey;
  }

  #hmac(salt: Uint8Array, customerKey: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#verifierKey).update(salt).update(customerKey).digest();
  }

  #wrappingKeyFor(salt: Uint8Array, customerKey: Uint8Array | null): Uint8Array {
    return customerKey === null
      ? derive(this.#wrappingKey, salt, 'embedded-s3 body key under server key v1')
      : derive(customerKey, salt, 'embedded-s3 body key under customer key v1');
  }
}

function derive(secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, purpose, 32));
}
