import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { secretOf } from './shares.js';

/**
 * Whoever knows a recovery recipient can seal to it, and whoever can write to the bucket could put a snapshot there with logins of
 * his own. So each snapshot is signed with a key derived from the recovery identity when that was made: the gateway keeps the derived
 * key, from which nothing leads back to the identity, and the holder of the identity derives it again.
 */
export interface SnapshotSigner {
  /** Tells signers apart. */
  readonly name: string;
  readonly key: Uint8Array;
}

const keyBytes = 32;

/** RFC 5869. Throws `invalid` for what is no identity. */
export function snapshotSigner(identity: string): SnapshotSigner {
  const secret = secretOf(identity);
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'sftpgw snapshot signature v1', keyBytes));
  secret.fill(0);
  return signerWith(key);
}

/** The signer that was kept as these bytes; null when they are none. */
export function signerOf(kept: Uint8Array): SnapshotSigner | null {
  return kept.byteLength === keyBytes ? signerWith(Uint8Array.from(kept)) : null;
}

/** RFC 2104 over the number, so that an old snapshot cannot be given a new place, and the sealed bytes. */
export function signSnapshot({ key }: SnapshotSigner, number: number, sealed: Uint8Array): string {
  return createHmac('sha256', key).update(`sftpgw snapshot ${number}\0`).update(sealed).digest('hex');
}

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
