import type { FileHandle } from 'node:fs/promises';
import type { BodyFiles } from './body-files.js';
import type { ServerKeys } from './key-wrap.js';
import type { Segment } from './records.js';
import {
  chunkBytes,
  chunkCount,
  openChunk,
  SealBroken,
  sealedChunkBytes,
  sealedChunkSpan,
} from './sealed-body.js';

/** Number of sealed chunks per read from the file. */
const chunksPerRead = 8;

/**
 * Yields the plaintext `[start, end)` of an object made of these segments, and opens only the
 * chunks in it. The caller has pinned the bodies. Throws `SealBroken` if a file is not what was
 * written.
 */
export async function* readSegments(
  files: BodyFiles,
  keys: ServerKeys,
  segments: readonly Segment[],
  customerKey: Uint8Array | null,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const segment of segments) {
    const from = Math.max(0, start - offset);
    const to = Math.min(segment.size, end - offset);
    offset += segment.size;
    if (from >= to) continue;
    const dataKey = keys.unwrap(segment.wrappedKey, segment.bodyId, customerKey);
    yield* readBody(files, segment, dataKey, from, to);
  }
}

async function* readBody(
  files: BodyFiles,
  segment: Segment,
  dataKey: Uint8Array,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const lastIndex = chunkCount(segment.size) - 1;
  let index = Math.floor(from / chunkBytes);
  const stop = Math.floor((to - 1) / chunkBytes) + 1;
  const reader = new AheadReader(await files.openForReading(segment.bodyId), segment.size, index, stop);
  try {
    for (;;) {
      const sealed = await reader.next();
      if (sealed === null) return;
      for (let position = 0; position < sealed.byteLength; index++, position += sealedChunkBytes) {
        const { length } = sealedChunkSpan(segment.size, index);
        const chunk = sealed.subarray(position, position + length);
        const plain = openChunk(dataKey, index, index === lastIndex, chunk);
        const chunkStart = index * chunkBytes;
        yield plain.subarray(Math.max(0, from - chunkStart), Math.min(plain.byteLength, to - chunkStart));
      }
    }
  } finally {
    await reader.close();
  }
}

/** Reads sealed chunks in batches, one batch ahead, into two alternating buffers. */
class AheadReader {
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #stop: number;
  readonly #buffers: Buffer[] = [];
  #nextIndex: number;
  #batches = 0;
  #ahead: Promise<Uint8Array> | null;

  /**
   * Takes over the handle. Reads from chunk `first` up to but not including `stop`, of a body of
   * `size` bytes of plaintext.
   */
  constructor(handle: FileHandle, size: number, first: number, stop: number) {
    this.#handle = handle;
    this.#size = size;
    this.#stop = stop;
    this.#nextIndex = first;
    this.#ahead = this.#start();
  }

  /**
   * Returns the next complete batch, or null at the end. It is valid until the second call from
   * here. Throws `SealBroken` for a cut file.
   */
  async next(): Promise<Uint8Array | null> {
    const batch = await this.#ahead;
    this.#ahead = this.#start();
    return batch;
  }

  /** Waits for a read that is under way: its file must not be closed meanwhile. */
  async close(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    await this.#handle.close();
  }

  #start(): Promise<Uint8Array> | null {
    const first = this.#nextIndex;
    if (first >= this.#stop) return null;
    this.#nextIndex = Math.min(this.#stop, first + chunksPerRead);
    const begin = sealedChunkSpan(this.#size, first).offset;
    const last = sealedChunkSpan(this.#size, this.#nextIndex - 1);
    const length = last.offset + last.length - begin;
    const slot = this.#batches++ % 2;
    // The first of each pair is the longest: only the last batch of a body is shorter.
    const buffer = this.#buffers[slot] ?? Buffer.allocUnsafe(length);
    this.#buffers[slot] = buffer;
    const read = fill(this.#handle, buffer.subarray(0, length), begin, first);
    // It may fail before anything waits for it. A later wait still receives the failure.
    read.catch(() => undefined);
    return read;
  }
}

async function fill(
  handle: FileHandle,
  buffer: Buffer,
  position: number,
  index: number,
): Promise<Uint8Array> {
  let filled = 0;
  while (filled < buffer.byteLength) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, position + filled);
    if (bytesRead === 0) throw new SealBroken(index);
    filled += bytesRead;
  }
  return buffer;
}
