import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * A body at rest: chunks of 64 KiB, each sealed with AES-256-GCM and followed by its tag, so that a
 * range opens only its own chunks. The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár,
 * "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015, section 7):
 * the nonce contains the number of the chunk and whether it is the last, so chunks cannot be
 * reordered, dropped or cut off at the end. The key is random and used for one body only, so a
 * counter is a nonce that never repeats.
 */
export const chunkBytes = 64 * 1024;
export const tagBytes = 16;
export const sealedChunkBytes = chunkBytes + tagBytes;
export const dataKeyBytes = 32;

const cipherName = 'aes-256-gcm';
const nonceBytes = 12;

/**
 * Thrown if a chunk is not the sealed one: the file was changed, cut, moved or replaced, or the key
 * is another one.
 */
export class SealBroken extends Error {
  constructor(chunkIndex: number, cause?: unknown) {
    super(`chunk ${chunkIndex} of a stored body does not open`, { cause });
    this.name = 'SealBroken';
  }
}

/**
 * Returns the number of chunks of a body with this many plaintext bytes. An empty body has one
 * empty chunk: its end is sealed too.
 */
export function chunkCount(size: number): number {
  return Math.max(1, Math.ceil(size / chunkBytes));
}

/** Returns the bytes on disk for this many bytes of plaintext. */
export function sealedLength(size: number): number {
  return size + chunkCount(size) * tagBytes;
}

/** Returns the position of a chunk in the file, and its length there with the tag. */
export function sealedChunkSpan(size: number, index: number): { offset: number; length: number } {
  const plain = Math.min(chunkBytes, size - index * chunkBytes);
  return { offset: index * sealedChunkBytes, length: plain + tagBytes };
}

function nonce(index: number, isLast: boolean): Uint8Array {
  const bytes = Buffer.alloc(nonceBytes);
  bytes.writeUIntBE(index, 5, 6);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

/** Seals one chunk. Returns the ciphertext and the tag to write after it. */
export function sealChunk(
  dataKey: Uint8Array,
  index: number,
  isLast: boolean,
  plaintext: Uint8Array,
): readonly [Uint8Array, Uint8Array] {
  const cipher = createCipheriv(cipherName, dataKey, nonce(index, isLast));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return [ciphertext, cipher.getAuthTag()];
}

/** Opens one sealed chunk (ciphertext with its tag). Throws `SealBroken`. */
export function openChunk(
  dataKey: Uint8Array,
  index: number,
  isLast: boolean,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.byteLength < tagBytes) throw new SealBroken(index);
  const split = sealed.byteLength - tagBytes;
  const decipher = createDecipheriv(cipherName, dataKey, nonce(index, isLast));
  decipher.setAuthTag(sealed.subarray(split));
  const plaintext = decipher.update(sealed.subarray(0, split));
  try {
    decipher.final();
  } catch (error) {
    throw new SealBroken(index, error);
  }
  return plaintext;
}
