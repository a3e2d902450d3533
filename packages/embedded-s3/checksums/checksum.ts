import { createHash } from 'node:crypto';
import { Crc64Nvme, type CrcFunction, crc32, crc32c, crc64NvmeBase64 } from '@sftpgw/checksums';
import type { ChecksumAlgorithm } from './algorithms.js';

/** A checksum that is updated as the bytes pass. */
export interface StreamingChecksum {
  update(chunk: Uint8Array): void;
  /** Returns the checksum of all bytes so far: big-endian, in base64, as in S3's headers. Called once, at the end. */
  digestBase64(): string;
}

/** Returns a new checksum of no bytes. */
export function createChecksum(algorithm: ChecksumAlgorithm): StreamingChecksum {
  switch (algorithm) {
    case 'CRC32':
      return new Crc(crc32);
    case 'CRC32C':
      return new Crc(crc32c);
    case 'CRC64NVME':
      return new Crc64();
    case 'SHA1':
      return new Digest('sha1');
    case 'SHA256':
      return new Digest('sha256');
  }
}

class Crc implements StreamingChecksum {
  readonly #crc: CrcFunction;
  #value = 0;

  constructor(crc: CrcFunction) {
    this.#crc = crc;
  }

  update(chunk: Uint8Array): void {
    this.#value = this.#crc(chunk, this.#value);
  }

  digestBase64(): string {
    return crc32Base64(this.#value);
  }
}

class Crc64 implements StreamingChecksum {
  readonly #crc = new Crc64Nvme();

  update(chunk: Uint8Array): void {
    this.#crc.update(chunk);
  }

  digestBase64(): string {
    return crc64NvmeBase64(this.#crc.value);
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

/** Returns a CRC of 32 bits as S3 writes it: base64 of its four bytes, big-endian. */
export function crc32Base64(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}
