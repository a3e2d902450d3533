/** How a key exchange method agrees on the shared secret. */
export type KexKind = 'mlkem768x25519' | 'curve25519' | 'ecdh' | 'dh-group' | 'dh-group-exchange';

export interface KexAlgorithm {
  readonly name: string;
  readonly kind: KexKind;
  /** Hash function of the exchange hash and the key derivation, as node:crypto names it. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Name of the curve or group in node:crypto; empty where the kind is enough. */
  readonly group: string;
}

/**
 * All key exchange methods, the preferred first: draft-ietf-sshm-mlkem-hybrid-kex, RFC 8731, RFC 5656, RFC 4419, RFC 8268. A method
 * with SHA-1 is not among them (RFC 9142).
 */
export const kexAlgorithms: readonly KexAlgorithm[] = [
  { name: 'mlkem768x25519-sha256', kind: 'mlkem768x25519', hash: 'sha256', group: '' },
  { name: 'curve25519-sha256', kind: 'curve25519', hash: 'sha256', group: '' },
  { name: 'curve25519-sha256@libssh.org', kind: 'curve25519', hash: 'sha256', group: '' },
  { name: 'ecdh-sha2-nistp256', kind: 'ecdh', hash: 'sha256', group: 'prime256v1' },
  { name: 'ecdh-sha2-nistp384', kind: 'ecdh', hash: 'sha384', group: 'secp384r1' },
  { name: 'ecdh-sha2-nistp521', kind: 'ecdh', hash: 'sha512', group: 'secp521r1' },
  { name: 'diffie-hellman-group-exchange-sha256', kind: 'dh-group-exchange', hash: 'sha256', group: '' },
  { name: 'diffie-hellman-group16-sha512', kind: 'dh-group', hash: 'sha512', group: 'modp16' },
  { name: 'diffie-hellman-group14-sha256', kind: 'dh-group', hash: 'sha256', group: 'modp14' },
];

/** Names in the list of key exchange methods that announce something else (OpenSSH PROTOCOL 1.10, RFC 8308 section 2.1). */
export const KexMarker = {
  strictClient: 'kex-strict-c-v00@openssh.com',
  strictServer: 'kex-strict-s-v00@openssh.com',
  extInfoClient: 'ext-info-c',
  extInfoServer: 'ext-info-s',
} as const;
