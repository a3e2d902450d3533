export interface MacAlgorithm {
  readonly name: string;
  /** Name of the hash function in node:crypto. */
  readonly hash: string;
  /** Length of the key and of the MAC (RFC 6668). */
  readonly keyBytes: number;
  /** True when the MAC covers the ciphertext, with the length in clear (OpenSSH PROTOCOL 1.5). */
  readonly isEncryptThenMac: boolean;
}

function hmac(hashBits: 256 | 512, isEncryptThenMac: boolean): MacAlgorithm {
  return {
    name: `hmac-sha2-${hashBits}${isEncryptThenMac ? '-etm@openssh.com' : ''}`,
    hash: `sha${hashBits}`,
    keyBytes: hashBits / 8,
    isEncryptThenMac,
  };
}

/** All MACs, the preferred first (RFC 6668, OpenSSH PROTOCOL 1.5). */
export const macAlgorithms: readonly MacAlgorithm[] = [
  hmac(256, true),
  hmac(512, true),
  hmac(256, false),
  hmac(512, false),
];
