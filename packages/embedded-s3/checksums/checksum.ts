import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ChecksumAlgorithm } from './algorithms.js';
import { crc32c } from './crc32c.js';
import { Crc64Nvme } from './crc64nvme.js';

/** A checksum that is fed as the bytes pass. */
export interface StreamingChecksum {
  update(chunk: Uint8Array): void;
  /** The checksum of everything fed so far, big-endian, in base64, as S3's headers carry it. Ask once, at the end. */
  digestBase64(): string;
}

/** A new checksum of nothing yet. */
export function createChecksum(algorithm: ChecksumAlgorithm): StreamingChecksum {
  switch (algorithm) {
    case 'CRC32':
      return new Crc(crc32);
    case 'CRC32C':
      return new Crc(crc32c);
    case 'CRC64NVME':
      return new Crc64Nvme();
    case 'SHA1':
      return new Digest('sha1');
    case 'SHA256':
      return new Digest('sha256');
  }
}

/** CRC-32 (ISO 3309, the one of zip and gzip, by zlib's vectorised code) or CRC-32C. */
class Crc implements StreamingChecksum {
  readonly #sum: (chunk: Uint8Array, previous: number) => number;
  #value = 0;

  constructor(sum: (chunk: Uint8Array, previous: number) => number) {
    this.#sum = sum;
  }

  update(chunk: Uint8Array): void {
    this.#value = this.#sum(chunk, this.#value);
  }

  digestBase64(): string {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(this.#value);
    return bytes.toString('base64');
  }
}

class Digest implements StreamingChecksum {
  readonly #hash;

  constructor(name: 'sha1' | 'sha256') {
    this.#hash = createHash(name);
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  digestBase64(): string {
    return this.#hash.digest('base64');
  }
}
