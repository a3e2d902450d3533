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
  sealedLength,
} from './sealed-body.js';

/** Sealed chunks read from the file in one call. */
const chunksPerRead = 8;

/**
 * The plaintext of `[start, end)` of an object made of these segments, opening only the chunks it touches. The
 * caller has pinned the bodies. Throws `SealBroken` when a file is not what was written.
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
  const handle = await files.openForReading(segment.bodyId);
  let ahead: Promise<Uint8Array> | null = null;
  try {
    const lastIndex = chunkCount(segment.size) - 1;
    const stop = Math.floor((to - 1) / chunkBytes) + 1;
    let index = Math.floor(from / chunkBytes);
    const readAhead = (first: number): Promise<Uint8Array> => {
      const read = readChunks(handle, segment.size, first, Math.min(stop, first + chunksPerRead));
      // It may fail while nobody waits for it yet; whoever waits later still gets the failure.
      read.catch(() => undefined);
      return read;
    };
    ahead = readAhead(index);
    while (index < stop) {
      const sealed = await (ahead ?? readAhead(index));
      const next = Math.min(stop, index + chunksPerRead);
      ahead = next < stop ? readAhead(next) : null;
      for (let position = 0; index < next; index++, position += sealedChunkBytes) {
        const { length } = sealedChunkSpan(segment.size, index);
        const plain = openChunk(
          dataKey,
          index,
          index === lastIndex,
          sealed.subarray(position, position + length),
        );
        const chunkStart = index * chunkBytes;
        yield plain.subarray(Math.max(0, from - chunkStart), Math.min(plain.byteLength, to - chunkStart));
      }
    }
  } finally {
    // A read under way ends before its file is closed.
    await ahead?.catch(() => undefined);
    await handle.close();
  }
}

/** Reads sealed chunks `[first, stop)` whole. */
async function readChunks(
  handle: FileHandle,
  size: number,
  first: number,
  stop: number,
): Promise<Uint8Array> {
  const begin = sealedChunkSpan(size, first).offset;
  const last = sealedChunkSpan(size, stop - 1);
  const length = Math.min(last.offset + last.length, sealedLength(size)) - begin;
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, begin + filled);
    if (bytesRead === 0) throw new SealBroken(first);
    filled += bytesRead;
  }
  return buffer;
}
