import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * A body at rest: chunks of 64 KiB, each sealed by AES-256-GCM and followed by its tag, so that a range opens only
 * the chunks it touches. The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-
 * Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015, section 7): the nonce holds the chunk's number
 * and whether it is the last, so chunks can be neither reordered, nor dropped, nor cut off at the end. The key is
 * random and serves one body only, so a counter is a nonce that never repeats.
 */
export const chunkBytes = 64 * 1024;
export const tagBytes = 16;
export const sealedChunkBytes = chunkBytes + tagBytes;
export const dataKeyBytes = 32;

const cipherName = 'aes-256-gcm';
const nonceBytes = 12;

/** Thrown when a chunk is not what was sealed: a changed, moved, cut or foreign file, or another key. */
export class SealBroken extends Error {
  constructor(chunkIndex: number, cause?: unknown) {
    super(`chunk ${chunkIndex} of a stored body does not open`, { cause });
    this.name = 'SealBroken';
  }
}

/** How many chunks a body of this many plaintext bytes has. An empty body has one, empty: its end is sealed too. */
export function chunkCount(size: number): number {
  return Math.max(1, Math.ceil(size / chunkBytes));
}

/** Bytes on disk for this many bytes of plaintext. */
export function sealedLength(size: number): number {
  return size + chunkCount(size) * tagBytes;
}

/** Where a chunk lies in the file, and how long it is there, tag included. */
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

/** Seals one chunk: the ciphertext and the tag to write after it. */
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
