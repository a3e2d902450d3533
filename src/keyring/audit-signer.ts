import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import type { GatewayIdentity } from './gateway-identity.js';

/** Signs the heads of the audit trail with a key that belongs to the gateway's identity. */
export interface AuditSigner {
  /** Returns null while the gateway has no identity, which it gets with its first key. */
  sign(bytes: Uint8Array): Promise<AuditSignature | null>;
  /** Returns true if this gateway has signed the bytes. */
  isOwn(bytes: Uint8Array, signature: AuditSignature): Promise<boolean>;
}

/** An Ed25519 signature (RFC 8032) and its public key, both in base64url. */
export interface AuditSignature {
  readonly publicKey: string;
  readonly signature: string;
}

/** The ASN.1 before the 32 bytes of an Ed25519 private key (RFC 8410 section 7). */
const privateKeyHead = Buffer.from('302e020100300506032b657004220420', 'hex');
const keyBytes = 32;

/** Creates the signer. The key is derived from the identity (RFC 5869) and not stored. */
export function createAuditSigner(identity: Pick<GatewayIdentity, 'read'>): AuditSigner {
  const ownKey = async (): Promise<KeyObject | null> => {
    const own = await identity.read();
    if (own === null) return null;
    const seed = Buffer.from(hkdfSync('sha256', own.secret, '', 'sftpgw audit head signature v1', keyBytes));
    const der = Buffer.concat([privateKeyHead, seed]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    seed.fill(0);
    der.fill(0);
    return key;
  };
  return {
    async sign(bytes) {
      const key = await ownKey();
      if (key === null) return null;
      return { publicKey: publicKeyOf(key), signature: sign(null, bytes, key).toString('base64url') };
    },
    async isOwn(bytes, { publicKey, signature }) {
      const key = await ownKey();
      if (key === null || publicKeyOf(key) !== publicKey) return false;
      return verify(null, bytes, createPublicKey(key), Buffer.from(signature, 'base64url'));
    },
  };
}

function publicKeyOf(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'jwk' }).x ?? '';
}
