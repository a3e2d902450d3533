import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { GatewayIdentity } from './gateway-identity.js';

/** Seals short texts that the database keeps, so that a copy of the database alone does not reveal them. */
export interface SealedTexts {
  /** Returns the sealed text. It can be opened only with the same `purpose`, such as `totp 5f3a0c1e2b4d6f78`. */
  seal(text: string, purpose: string): Promise<string>;
  /** Throws `corrupt` if it was sealed by another gateway or for another purpose, or was changed. */
  open(sealed: string, purpose: string): Promise<string>;
}

const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Creates the seals with a key that is derived from the gateway's identity (RFC 5869) and not stored. */
export function createSealedTexts(
  identity: Pick<GatewayIdentity, 'readOrMake' | 'read'>,
  entropy: Entropy,
): SealedTexts {
  const keyOf = (secret: string) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'sftpgw sealed text v1', keyBytes));
  return {
    async seal(text, purpose) {
      const key = keyOf((await identity.readOrMake()).secret);
      const nonce = entropy.bytes(nonceBytes);
      const sealing = createCipheriv(cipher, key, nonce);
      sealing.setAAD(Buffer.from(purpose));
      const content = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
      key.fill(0);
      return Buffer.concat([nonce, sealing.getAuthTag(), content]).toString('base64url');
    },
    async open(sealed, purpose) {
      const own = await identity.read();
      const bytes = Buffer.from(sealed, 'base64url');
      try {
        if (own === null) throw new Error('no identity');
        const key = keyOf(own.secret);
        const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        opening.setAAD(Buffer.from(purpose));
        opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
        const text = Buffer.concat([opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()]);
        key.fill(0);
        return text.toString('utf8');
      } catch {
        throw new Fault('corrupt', 'a sealed text of the database is damaged, or belongs to another gateway');
      }
    },
  };
}
