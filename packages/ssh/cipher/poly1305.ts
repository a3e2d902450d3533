import { createCipheriv } from 'node:crypto';

/**
 * Poly1305 (RFC 8439 section 2.5) over arbitrary bytes, from the AEAD_CHACHA20_POLY1305 of node:crypto, which offers no Poly1305 of
 * its own. The AEAD authenticates associated data in whole blocks and then a block of lengths; OpenSSH authenticates bytes that end
 * with a part of a block. OpenSSL evaluates the polynomial over all whole blocks; the step for the last block is taken here.
 *
 * Two AEAD tags are needed, since a tag is the polynomial's value modulo 2^128 while the value lies below 2^130 - 5: at most four
 * values fit the first tag, and the second tag, over one block more, leaves one of them.
 */

const prime = 2n ** 130n - 5n;
const clampMask = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
const blockBytes = 16;
const tagBytes = 16;
const blockMarker = 1n << 128n;
const tagMask = blockMarker - 1n;
const extraBlock = Buffer.alloc(blockBytes);

/** Key and nonce of the AEAD whose first block of key stream is the one-time key of the MAC. */
export interface AeadKey {
  readonly key: Buffer;
  /** 12 bytes. */
  readonly nonce: Buffer;
  /** The first 32 bytes of the key stream: r, then s. */
  readonly oneTimeKey: Buffer;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x00${Buffer.from(bytes).reverse().toString('hex')}`);
}

function modulo(value: bigint): bigint {
  const rest = value % prime;
  return rest < 0n ? rest + prime : rest;
}

function aeadTag({ key, nonce }: AeadKey, parts: readonly Buffer[]): bigint {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  for (const part of parts) cipher.setAAD(part, { plaintextLength: 0 });
  cipher.final();
  return littleEndian(cipher.getAuthTag());
}

/** The last block of the AEAD: lengths of the associated data and of the (empty) ciphertext. */
function lengthsBlock(byteLength: number): bigint {
  return BigInt(byteLength) + blockMarker;
}

/**
 * Returns the tag of the message under the one-time key of the AEAD's key and nonce. The message must not end with a whole block:
 * a packet has 4 + 8 n bytes.
 */
export function poly1305(aead: AeadKey, message: Buffer): Buffer {
  const r = littleEndian(aead.oneTimeKey.subarray(0, 16)) & clampMask;
  const s = littleEndian(aead.oneTimeKey.subarray(16, 32));
  const wholeBytes = message.byteLength - (message.byteLength % blockBytes);
  const whole = message.subarray(0, wholeBytes);
  const tail = message.subarray(wholeBytes);
  // A message of whole blocks ends with the state itself, which the tags do not give. A packet never has that length.
  if (tail.byteLength === 0) throw new RangeError('message ends with a whole block');
  // With `state` for the polynomial after the whole blocks: tag = (state + lengths) * r mod p + s mod 2^128.
  const first = (aeadTag(aead, [whole]) - s) & tagMask;
  const second = aeadTag(aead, [whole, extraBlock]);
  for (let value = first; value < prime; value += blockMarker) {
    // `value` equals (state + lengths) * r; `product` is state * r.
    const product = modulo(value - lengthsBlock(wholeBytes) * r);
    const withExtra = modulo((product + blockMarker * r + lengthsBlock(wholeBytes + blockBytes)) * r);
    if (((withExtra + s) & tagMask) !== second) continue;
    const last = littleEndian(tail) + (1n << BigInt(8 * tail.byteLength));
    return toTag(modulo(product + last * r) + s);
  }
  throw new Error('AEAD tags do not belong to one polynomial');
}

function toTag(value: bigint): Buffer {
  const digits = (value & tagMask).toString(16).padStart(2 * tagBytes, '0');
  return Buffer.from(digits, 'hex').reverse();
}
