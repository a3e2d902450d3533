/** What uploads carry and the ledger keeps: CRC-32 (IEEE 802.3, as zlib has it) and CRC-32C (Castagnoli, RFC 3720 section 12.1). */
export const checksumAlgorithms = ['crc32', 'crc32c'] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** The checksum of bytes in order. The value has no sign. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: number;
}

export type ChecksumComparison = 'same' | 'different' | 'not-comparable';

/** Two algorithms, or one checksum that nobody knows, tell nothing: neither that the bytes are the same nor that they differ. */
export function compareChecksums(one: Checksum | null, other: Checksum | null): ChecksumComparison {
  if (one === null || other === null || one.algorithm !== other.algorithm) return 'not-comparable';
  return one.value === other.value ? 'same' : 'different';
}

/** For a person: the algorithm's name. */
export const checksumName: Readonly<Record<ChecksumAlgorithm, string>> = {
  crc32: 'CRC-32',
  crc32c: 'CRC-32C',
};

/** Eight hexadecimal digits. */
export function checksumHex({ value }: Checksum): string {
  return value.toString(16).padStart(8, '0');
}

/** For a person: `CRC-32C e3069283`. */
export function checksumText(checksum: Checksum): string {
  return `${checksumName[checksum.algorithm]} ${checksumHex(checksum)}`;
}
