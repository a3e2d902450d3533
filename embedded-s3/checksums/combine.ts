import type { CompositeAlgorithm, CrcAlgorithm } from './algorithms.js';

/** What a part contributes: its checksum in base64 and its length in bytes. */
export interface ChecksummedPart {
  readonly base64: string;
  readonly size: number;
}

/** The FULL_OBJECT checksum, in base64, of the parts laid end to end, from their own checksums. */
export function combineCrc(_algorithm: CrcAlgorithm, _parts: readonly ChecksummedPart[]): string {
  throw new Error('not yet');
}

/** The COMPOSITE checksum: base64 of the checksum over the parts' checksums, a hyphen, the number of parts. */
export function compositeChecksum(_algorithm: CompositeAlgorithm, _partsBase64: readonly string[]): string {
  throw new Error('not yet');
}
