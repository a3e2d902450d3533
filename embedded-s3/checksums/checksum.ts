import type { ChecksumAlgorithm } from './algorithms.js';

/** A checksum that is fed as the bytes pass. */
export interface StreamingChecksum {
  update(chunk: Uint8Array): void;
  /** The checksum of everything fed so far, big-endian, in base64, as S3's headers carry it. Ask once. */
  digestBase64(): string;
}

export function createChecksum(_algorithm: ChecksumAlgorithm): StreamingChecksum {
  throw new Error('not yet');
}
