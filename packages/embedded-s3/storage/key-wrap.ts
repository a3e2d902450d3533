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

/** What the index keeps of a customer's key: enough to recognise it again, not enough to find it. */
export interface KeyVerifier {
  readonly salt: Uint8Array;
  readonly hmac: Uint8Array;
}

/**
 * The server's own secrets, all derived from one random 32-byte master key. Data keys of bodies without a customer's
 * key are wrapped under it; it also peppers the verifiers of customers' keys.
 */
export class ServerKeys {
  readonly #wrappingKey: Uint8Array;
  readonly #verifierKey: Uint8Array;

  constructor(masterKey: Uint8Array) {
    this.#wrappingKey = derive(masterKey, new Uint8Array(0), 'embedded-s3 server wrapping key v1');
    this.#verifierKey = derive(masterKey, new Uint8Array(0), 'embedded-s3 customer key verifier v1');
  }

  /** A verifier for a customer's key, with a fresh salt. */
  makeVerifier(customerKey: Uint8Array): KeyVerifier {
    const salt = randomBytes(saltBytes);
    return { salt, hmac: this.#hmac(salt, customerKey) };
  }

  /** True when this is the key that the verifier was made for. */
  isSameKey(verifier: KeyVerifier, customerKey: Uint8Array): boolean {
    return timingSafeEqual(this.#hmac(verifier.salt, customerKey), verifier.hmac);
  }

  /**
   * Wraps a body's data key under the customer's key, or under the server's own when that is null.
   * The body's id is bound to it: a wrapped key serves no other body.
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

  /** The data key. Throws `SealBroken` for another key, another body or a changed row. */
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
