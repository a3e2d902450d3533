/**
 * The checksums of uploads and of the ledger: CRC-32 (IEEE 802.3, as in zlib) and CRC-32C
 * (Castagnoli, RFC 3720 section 12.1).
 */
export const checksumAlgorithms = ['crc32', 'crc32c'] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** A checksum of bytes in order. The value is unsigned. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: number;
}

export type ChecksumComparison = 'same' | 'different' | 'not-comparable';

/**
 * Compares two checksums. Two algorithms, or an unknown checksum, are not comparable: the bytes may
 * be equal or not.
 */
export function compareChecksums(one: Checksum | null, other: Checksum | null): ChecksumComparison {
  if (one === null || other === null || one.algorithm !== other.algorithm) return 'not-comparable';
  return one.value === other.value ? 'same' : 'different';
}

/** Names of the algorithms, for people. */
export const checksumName: Readonly<Record<ChecksumAlgorithm, string>> = {
  crc32: 'CRC-32',
  crc32c: 'CRC-32C',
};

/** Returns eight hexadecimal digits. */
export function checksumHex({ value }: Checksum): string {
  return value.toString(16).padStart(8, '0');
}

/** Returns a text for people, such as `CRC-32C e3069283`. */
export function checksumText(checksum: Checksum): string {
  return `${checksumName[checksum.algorithm]} ${checksumHex(checksum)}`;
}
