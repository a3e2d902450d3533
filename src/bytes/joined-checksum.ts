import { combineCrc32, combineCrc32c } from '@sftpgw/checksums';
import type { Checksum, ChecksumAlgorithm } from '../model/checksum.js';

const combinations = { crc32: combineCrc32, crc32c: combineCrc32c } as const;

/**
 * Returns the checksum of two adjacent ranges from the checksum of each and the length of the second in bytes. Blocks and
 * parts are therefore read once, and the object's own checksum costs almost nothing.
 */
export function combineSums(
  algorithm: ChecksumAlgorithm,
  first: number,
  second: number,
  secondLength: number,
): number {
  return combinations[algorithm](first, second, secondLength);
}

/** The checksum of adjacent ranges, added in order, each with its own checksum. */
export class JoinedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  #value = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.algorithm = algorithm;
  }

  /** Adds the next range, `length` bytes long. Throws an Error if its checksum has another algorithm. */
  add({ algorithm, value }: Checksum, length: number): void {
    if (algorithm !== this.algorithm) throw new Error(`${algorithm} cannot be added to ${this.algorithm}`);
    this.#value = combineSums(algorithm, this.#value, value, length);
  }

  /** The checksum of all ranges so far. */
  get checksum(): Checksum {
    return { algorithm: this.algorithm, value: this.#value };
  }
}
