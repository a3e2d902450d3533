import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Fault } from '../model/fault.js';
import type { AgeIdentity } from './age.js';
import type { GatewayIdentity } from './gateway-identity.js';

/** Seals secrets that the gateway must be able to read again, so that the database alone does not reveal them. */
export interface SecretSeal {
  /** Returns the sealed form of a secret. Only the same owner can open it. */
  seal(owner: string, secret: Uint8Array): Promise<string>;
  /** Returns a secret. Throws `key-mismatch` if it was sealed by another gateway or for another owner. */
  open(owner: string, sealed: string): Promise<Buffer>;
}

const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const version = 'v1.';

/**
 * Creates the seal for one purpose, such as `webhook`: AES-256-GCM with a random nonce, and a key that is derived
 * from the gateway's identity (RFC 5869) and not stored. The first seal generates the identity.
 */
export function createSecretSeal(
  identity: Pick<GatewayIdentity, 'read' | 'readOrMake'>,
  purpose: string,
): SecretSeal {
  const keyOf = ({ secret }: AgeIdentity): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `sftpgw ${purpose} secret v1`, keyBytes));
  return {
    async seal(owner, secret) {
      const key = keyOf(await identity.readOrMake());
      const nonce = randomBytes(nonceBytes);
      const sealing = createCipheriv(cipher, key, nonce).setAAD(Buffer.from(owner));
      key.fill(0);
      const sealed = Buffer.concat([sealing.update(secret), sealing.final()]);
      return version + Buffer.concat([nonce, sealing.getAuthTag(), sealed]).toString('base64');
    },
    async open(owner, sealed) {
      const own = await identity.read();
      const bytes = Buffer.from(sealed.slice(version.length), 'base64');
      if (own === null || !sealed.startsWith(version) || bytes.length < nonceBytes + tagBytes) {
        throw notOurs(purpose);
      }
      const key = keyOf(own);
      try {
        const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes)).setAAD(
          Buffer.from(owner),
        );
        opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
        return Buffer.concat([opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()]);
      } catch (error) {
        throw notOurs(purpose, error);
      } finally {
        key.fill(0);
      }
    },
  };
}

function notOurs(purpose: string, cause?: unknown): Fault {
  const text = `the secret of a ${purpose} cannot be opened: another gateway has sealed it`;
  return new Fault('key-mismatch', text, { cause });
}
