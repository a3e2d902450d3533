import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { keyExchangeFault } from '../wire/fault.js';

export const x25519Bytes = 32;
const zero = Buffer.alloc(x25519Bytes);

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Our share and the secret of one X25519 agreement (RFC 7748). */
export interface X25519Agreement {
  readonly share: Buffer;
  readonly secret: Buffer;
}

/**
 * Agrees on a secret with the peer's share of 32 bytes. A share that makes the secret zero is refused (RFC 8731 section 3). Our key
 * pair is new, unless a test gives one.
 */
export function agreeX25519(
  peerShare: Buffer,
  { publicKey, privateKey }: KeyPair = generateKeyPairSync('x25519'),
): X25519Agreement {
  let secret: Buffer;
  try {
    const peer = createPublicKey({ key: peerShare, format: 'raw-public', asymmetricKeyType: 'x25519' });
    secret = diffieHellman({ privateKey, publicKey: peer });
  } catch {
    throw keyExchangeFault('X25519 share is not usable');
  }
  if (secret.equals(zero)) throw keyExchangeFault('X25519 share is not usable');
  return { share: publicKey.export({ format: 'raw-public' }), secret };
}
