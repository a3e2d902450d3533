import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { secretOf } from './shares.js';

/**
 * A signer of snapshots. An attacker who knows a recovery recipient and can write to the bucket could store a
 * snapshot with their own logins. So each snapshot is signed with a key derived from the recovery identity
 * when that was generated. The gateway keeps the derived key, which does not reveal the identity. The holder
 * of the identity derives it again.
 */
export interface SnapshotSigner {
  /** Identifies the signer. */
  readonly name: string;
  readonly key: Uint8Array;
}

const keyBytes = 32;

/** Derives the signer from an age identity (RFC 5869). Throws `invalid` for text that is not an identity. */
export function snapshotSigner(identity: string): SnapshotSigner {
  const secret = secretOf(identity);
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'sftpgw snapshot signature v1', keyBytes));
  secret.fill(0);
  return signerWith(key);
}

/** Returns the signer that was stored as these bytes, or null if they are invalid. */
export function signerOf(kept: Uint8Array): SnapshotSigner | null {
  return kept.byteLength === keyBytes ? signerWith(Uint8Array.from(kept)) : null;
}

/**
 * Signs the sealed bytes and the number (RFC 2104). With the number an old snapshot cannot be stored under a
 * new one.
 */
export function signSnapshot({ key }: SnapshotSigner, number: number, sealed: Uint8Array): string {
  return createHmac('sha256', key).update(`sftpgw snapshot ${number}\0`).update(sealed).digest('hex');
}

/** Verifies a signature in constant time. */
export function isSignedBy(
  signer: SnapshotSigner,
  number: number,
  sealed: Uint8Array,
  signature: string,
): boolean {
  const expected = Buffer.from(signSnapshot(signer, number, sealed));
  const found = Buffer.from(signature);
  return found.byteLength === expected.byteLength && timingSafeEqual(found, expected);
}

function signerWith(key: Uint8Array): SnapshotSigner {
  const name = createHash('sha256')
    .update('sftpgw snapshot signer v1\0')
    .update(key)
    .digest('hex')
    .slice(0, 16);
  return { name, key };
}
