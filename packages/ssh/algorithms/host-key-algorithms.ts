export type HostKeyType =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'ssh-rsa';

export interface HostKeyAlgorithm {
  /** Name in the negotiation and in the signature. */
  readonly name: string;
  /** Type of the key that signs, which is the name in the key's blob. */
  readonly keyType: HostKeyType;
  /** Hash function of the signature; null where the signature scheme fixes it. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
}

/** All host key algorithms, the preferred first (RFC 8709, RFC 5656, RFC 8332). */
export const hostKeyAlgorithms: readonly HostKeyAlgorithm[] = [
  { name: 'ssh-ed25519', keyType: 'ssh-ed25519', hash: null },
  { name: 'ecdsa-sha2-nistp256', keyType: 'ecdsa-sha2-nistp256', hash: 'sha256' },
  { name: 'ecdsa-sha2-nistp384', keyType: 'ecdsa-sha2-nistp384', hash: 'sha384' },
  { name: 'ecdsa-sha2-nistp521', keyType: 'ecdsa-sha2-nistp521', hash: 'sha512' },
  { name: 'rsa-sha2-512', keyType: 'ssh-rsa', hash: 'sha512' },
  { name: 'rsa-sha2-256', keyType: 'ssh-rsa', hash: 'sha256' },
];
