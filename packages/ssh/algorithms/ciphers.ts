/** How a cipher protects packets. */
export type CipherKind = 'gcm' | 'chacha20-poly1305' | 'ctr';

export interface CipherAlgorithm {
  readonly name: string;
  readonly kind: CipherKind;
  /** Name of the primitive in node:crypto. */
  readonly primitive: string;
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** Padding makes packets a multiple of this. */
  readonly blockBytes: number;
  /** Length of the tag of an authenticated cipher; 0 when a MAC is negotiated. */
  readonly tagBytes: number;
}

function gcm(keyBits: number): CipherAlgorithm {
  return {
    name: `aes${keyBits}-gcm@openssh.com`,
    kind: 'gcm',
    primitive: `aes-${keyBits}-gcm`,
    keyBytes: keyBits / 8,
    ivBytes: 12,
    blockBytes: 16,
    tagBytes: 16,
  };
}

function ctr(keyBits: number): CipherAlgorithm {
  return {
    name: `aes${keyBits}-ctr`,
    kind: 'ctr',
    primitive: `aes-${keyBits}-ctr`,
    keyBytes: keyBits / 8,
    ivBytes: 16,
    blockBytes: 16,
    tagBytes: 0,
  };
}

/** All ciphers, the preferred first: RFC 5647 as OpenSSH names it, OpenSSH's PROTOCOL.chacha20poly1305, RFC 4344 section 4. */
export const cipherAlgorithms: readonly CipherAlgorithm[] = [
  gcm(128),
  gcm(256),
  {
    name: 'chacha20-poly1305@openssh.com',
    kind: 'chacha20-poly1305',
    primitive: 'chacha20',
    keyBytes: 64,
    ivBytes: 0,
    blockBytes: 8,
    tagBytes: 16,
  },
  ctr(128),
  ctr(192),
  ctr(256),
];
