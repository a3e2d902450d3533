import { endianness } from 'node:os';

/** The middle of a chunk as aligned 32-bit words, and where the bytes before and after it end and begin. */
export interface Words {
  /** Bytes `0 .. head` lie before the words. */
  readonly head: number;
  readonly words: Int32Array;
  /** Bytes `tail .. length` lie after the words. */
  readonly tail: number;
}

const littleEndian = endianness() === 'LE';
const none = new Int32Array(0);

/**
 * A view, not a copy, of `chunk` as little-endian 32-bit words, a whole number of groups of `group` words. A typed
 * array must start at a multiple of its element's size, hence the bytes at `head`. A big-endian machine has
 * no such view: there everything is `tail`.
 */
export function wordsOf(chunk: Uint8Array, group: number): Words {
  const head = -chunk.byteOffset & 3;
  if (!littleEndian || chunk.length < head + 4 * group) return { head: 0, words: none, tail: 0 };
  const count = (chunk.length - head) >>> 2;
  const words = new Int32Array(chunk.buffer, chunk.byteOffset + head, count - (count % group));
  return { head, words, tail: head + words.byteLength };
}
