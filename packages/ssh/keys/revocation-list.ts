import { createHash } from 'node:crypto';
import { SerialSet } from './serial-set.js';

/** Revoked certificates of one CA. */
export interface RevokedCertificates {
  readonly serials: SerialSet;
  readonly keyIds: Set<string>;
}

/** The parts of a plain key that revocation lists name. A `PublicKey` has them. */
export interface RevocableKey {
  readonly kind: 'plain';
  readonly blob: Uint8Array;
}

/** The parts of a certificate that revocation lists name. A `Certificate` has them. */
export interface RevocableCertificate {
  readonly kind: 'certificate';
  readonly key: RevocableKey;
  readonly signatureKey: RevocableKey;
  readonly serial: bigint;
  readonly keyId: string;
}

/** Keys and certificates that may not be used. Built by `parseRevocationList`. */
export class RevocationList {
  readonly #keyBlobs = new Set<string>();
  readonly #hashes = { sha1: new Set<string>(), sha256: new Set<string>() };
  /** By the CA's key in wire form. An empty name stands for every CA. */
  readonly #certificates = new Map<string, RevokedCertificates>();

  /** Revokes a key in wire form. */
  addKeyBlob(blob: Uint8Array): void {
    this.#keyBlobs.add(textOf(blob));
  }

  /** Revokes the keys whose wire form has the hash. */
  addKeyHash(algorithm: 'sha1' | 'sha256', hash: Uint8Array): void {
    this.#hashes[algorithm].add(textOf(hash));
  }

  /** Returns the revoked certificates of the CA with this key in wire form; those of every CA for null. */
  certificatesOf(caBlob: Uint8Array | null): RevokedCertificates {
    const name = caBlob === null ? '' : textOf(caBlob);
    let revoked = this.#certificates.get(name);
    if (revoked === undefined) {
      revoked = { serials: new SerialSet(), keyIds: new Set() };
      this.#certificates.set(name, revoked);
    }
    return revoked;
  }

  /**
   * Returns true if the key is revoked. A certificate is revoked if its key or its CA's key is, or if the list has its key id or its
   * serial for its CA. Serial 0 means that the CA does not number its certificates: no list revokes it (PROTOCOL.certkeys).
   */
  revokes(key: RevocableKey | RevocableCertificate): boolean {
    if (key.kind === 'plain') return this.#revokesKey(key);
    return (
      this.#revokesKey(key.key) ||
      this.#revokesKey(key.signatureKey) ||
      this.#revokesCertificate(key, textOf(key.signatureKey.blob)) ||
      this.#revokesCertificate(key, '')
    );
  }

  #revokesKey({ blob }: RevocableKey): boolean {
    if (this.#keyBlobs.has(textOf(blob))) return true;
    return (['sha1', 'sha256'] as const).some((algorithm) => {
      const hashes = this.#hashes[algorithm];
      return hashes.size > 0 && hashes.has(textOf(createHash(algorithm).update(blob).digest()));
    });
  }

  #revokesCertificate({ keyId, serial }: RevocableCertificate, ca: string): boolean {
    const revoked = this.#certificates.get(ca);
    if (revoked === undefined) return false;
    return revoked.keyIds.has(keyId) || (serial !== 0n && revoked.serials.has(serial));
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
