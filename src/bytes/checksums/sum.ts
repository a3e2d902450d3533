import type { Checksum, ChecksumAlgorithm } from '../../model/checksum.js';
import { crc32 } from './crc32.js';
import { crc32c } from './crc32c.js';
import type { SumFunction } from './native.js';

const functions: Readonly<Record<ChecksumAlgorithm, SumFunction>> = { crc32, crc32c };

/** The function of an algorithm, to be asked for once where many bytes pass. */
export function sumFunction(algorithm: ChecksumAlgorithm): SumFunction {
  return functions[algorithm];
}

/** The checksum of bytes that are all there. */
export function checksumOf(algorithm: ChecksumAlgorithm, ...chunks: readonly Uint8Array[]): Checksum {
  const sum = functions[algorithm];
  return { algorithm, value: chunks.reduce((value, chunk) => sum(chunk, value), 0) };
}

/** A checksum of bytes as they pass. */
export class RunningChecksum {
  readonly #algorithm: ChecksumAlgorithm;
  readonly #sum: SumFunction;
  #value = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.#algorithm = algorithm;
    this.#sum = functions[algorithm];
  }

  update(bytes: Uint8Array): void {
    this.#value = this.#sum(bytes, this.#value);
  }

  get checksum(): Checksum {
    return { algorithm: this.#algorithm, value: this.#value };
  }
}
