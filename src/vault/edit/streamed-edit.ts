import { releaseBytes } from '../../bytes/buffer-pool.js';
import { ByteRanges } from '../../bytes/byte-ranges.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { UploadWriter } from '../vault.js';
import type { ReadBase } from './edited-file.js';

/** Bytes of the object that are read in one step to fill a gap. */
const stepBytes = 1024 * 1024;

/**
 * An edit that turned out to be a sequence: its bytes go to S3 while they are received. Bytes that were sent
 * cannot be changed any more. Bytes that the client does not write are filled from the object, or with zeros, at
 * the end. Calls must not overlap.
 */
export class StreamedEdit {
  readonly writer: UploadWriter;
  readonly #readBase: ReadBase;
  /** Offsets whose bytes the writer has. */
  readonly #received = new ByteRanges();
  #keptEnd: number;
  #size: number;

  /** The writer has all bytes before `end`. Bytes of the object before `keptEnd` are kept. */
  constructor(
    writer: UploadWriter,
    readBase: ReadBase,
    state: { readonly end: number; readonly keptEnd: number; readonly size: number },
  ) {
    this.writer = writer;
    this.#readBase = readBase;
    this.#received.add(0, state.end);
    this.#keptEnd = state.keptEnd;
    this.#size = state.size;
  }

  get size(): number {
    return this.#size;
  }

  /** True if bytes of the object are needed to complete the file. */
  get needsBase(): boolean {
    return !this.#received.covers(0, Math.min(this.#size, this.#keptEnd));
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    await this.writer.write(offset, chunks);
    this.#received.add(offset, offset + length);
    this.#size = Math.max(this.#size, offset + length);
  }

  /** Throws `unsupported` if bytes that were sent would be cut. */
  async resize(size: number): Promise<void> {
    if (size < this.writer.size) await this.writer.truncate(size);
    this.#received.remove(size, Number.MAX_SAFE_INTEGER);
    this.#keptEnd = Math.min(this.#keptEnd, size);
    this.#size = size;
  }

  /** Fills what the client did not write. Throws `too-large` for more zeros than `maxZeroBytes`. */
  async fill(call: Call, maxZeroBytes: number): Promise<void> {
    let zeros = 0;
    for (let at = 0; at < this.#size; ) {
      const range = this.#received.from(at);
      if (range !== null && range.start <= at) {
        at = range.end;
        continue;
      }
      const end = Math.min(this.#size, range?.start ?? this.#size);
      if (at < this.#keptEnd) {
        at = await this.#fillFromBase(call, at, Math.min(end, this.#keptEnd));
        continue;
      }
      zeros += end - at;
      if (zeros > maxZeroBytes) throw tooManyZeros(maxZeroBytes);
      for (; at < end; at += stepBytes) {
        await this.writer.write(at, [Buffer.alloc(Math.min(stepBytes, end - at))]);
      }
      at = end;
    }
  }

  /** Returns the offset behind the bytes that were filled. */
  async #fillFromBase(call: Call, start: number, end: number): Promise<number> {
    const views = (await this.#readBase(call, start, Math.min(stepBytes, end - start))) ?? [];
    try {
      await this.writer.write(start, views);
    } finally {
      for (const view of views) releaseBytes(view);
    }
    const length = views.reduce((sum, view) => sum + view.byteLength, 0);
    if (length === 0) throw new Fault('corrupt', `the object ended at byte ${start}, before its size`);
    return start + length;
  }
}

/** Returns the fault of a file that consists of too many bytes that were not written. */
export function tooManyZeros(maxZeroBytes: number): Fault {
  return new Fault(
    'too-large',
    `the file size was set, or bytes were written, so far behind the other bytes that more than ${maxZeroBytes} bytes are zeros`,
  );
}
