import { type CrcFunction, crc32, crc32c } from '@sftpgw/checksums';
import type { Checksum, ChecksumAlgorithm } from '../model/checksum.js';

const functions: Readonly<Record<ChecksumAlgorithm, CrcFunction>> = { crc32, crc32c };

/** Returns the function of an algorithm. A caller with many small chunks looks it up once. */
export function sumFunction(algorithm: ChecksumAlgorithm): CrcFunction {
  return functions[algorithm];
}

/** Returns the checksum of the chunks in a row. */
export function checksumOf(algorithm: ChecksumAlgorithm, ...chunks: readonly Uint8Array[]): Checksum {
  const sum = functions[algorithm];
  return { algorithm, value: chunks.reduce((value, chunk) => sum(chunk, value), 0) };
}

/** A checksum that is updated as bytes pass. */
export class RunningChecksum {
  readonly #algorithm: ChecksumAlgorithm;
  readonly #sum: CrcFunction;
  #value = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.#algorithm = algorithm;
    this.#sum = functions[algorithm];
  }

  update(bytes: Uint8Array): void {
    this.#value = this.#sum(bytes, this.#value);
  }

  /** The checksum of all bytes so far. */
  get checksum(): Checksum {
    return { algorithm: this.#algorithm, value: this.#value };
  }
}
