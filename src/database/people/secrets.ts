import { createHash } from 'node:crypto';
import type { Entropy } from '../../model/call.js';

/** 256 random bits. */
const secretBytes = 32;

/** Returns a new secret in base64url: 43 characters. */
export function newSecret(entropy: Entropy): string {
  return Buffer.from(entropy.bytes(secretBytes)).toString('base64url');
}

/** Returns the digest under which a secret is stored. The secret has 256 random bits, so a fast one is enough. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
