import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import type { ChecksumAlgorithm } from '../../model/checksum.js';
import type { CompletedPart, PartReceipt, WholeObject } from '../../model/object-store.js';

/** Returns whether the checksum of the part is known. */
export function isSummed(part: CompletedPart): part is PartReceipt {
  return part.checksum !== null;
}

/**
 * Returns size and checksum of the object that consists of these parts. The checksum is null if that of a part
 * is unknown or has another algorithm.
 */
export function wholeOf(algorithm: ChecksumAlgorithm, parts: readonly CompletedPart[]): WholeObject {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const joined = new JoinedChecksum(algorithm);
  for (const part of parts) {
    if (part.checksum?.algorithm !== algorithm) return { size, checksum: null };
    joined.add(part.checksum, part.size);
  }
  return { size, checksum: joined.checksum };
}
