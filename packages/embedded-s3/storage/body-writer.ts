import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { BodyFiles } from './body-files.js';
import type { ServerKeys } from './key-wrap.js';
import { chunkBytes, dataKeyBytes, sealChunk, sealedChunkBytes } from './sealed-body.js';

/** Number of sealed chunks per write to the file. */
const chunksPerWrite = 16;

/** Receives the plaintext: a hash or a checksum. */
export interface Tap {
  update(chunk: Uint8Array): unknown;
}

export interface WrittenBody {
  readonly bodyId: string;
  readonly wrappedKey: Uint8Array;
  readonly size: number;
}

/** Thrown if a body is larger than allowed. */
export class BodyTooLarge extends Error {}

/**
 * Seals a body into a new file. Resolves when the file is complete, synced and at its path; it then
 * needs an index row, or `discard`. Throws the errors of the source, and then leaves nothing. It
 * uses two batches of 1 MiB of memory.
 *
 * @param customerKey 32 bytes, or null to wrap with the server's own key
 * @param taps receive every chunk, in order, before it is sealed
 */
export async function writeBody(
  files: BodyFiles,
  keys: ServerKeys,
  source: AsyncIterable<Uint8Array>,
  options: {
    readonly customerKey: Uint8Array | null;
    readonly maxBytes: number;
    readonly taps: readonly Tap[];
  },
): Promise<WrittenBody> {
  const bodyId = files.newId();
  const dataKey = randomBytes(dataKeyBytes);
  const wrappedKey = keys.wrap(dataKey, bodyId, options.customerKey);
  const handle = await files.create(bodyId);
  let isPublished = false;
  try {
    const sealer = new SealingWriter(handle, dataKey);
    let size = 0;
    try {
      for await (const chunk of source) {
        size += chunk.byteLength;
        if (size > options.maxBytes) throw new BodyTooLarge();
        for (const tap of options.taps) tap.update(chunk);
        const pending = sealer.push(chunk);
        if (pending !== null) await pending;
      }
      await sealer.finish();
      await handle.sync();
    } finally {
      await sealer.settle();
      await handle.close();
    }
    await files.publish(bodyId);
    isPublished = true;
    return { bodyId, wrappedKey, size };
  } finally {
    if (!isPublished) await files.abandon(bodyId);
  }
}

/**
 * Cuts a stream into sealed chunks and writes them in batches. One batch is written while the next
 * is sealed.
 */
class SealingWriter {
  readonly #handle: FileHandle;
  readonly #dataKey: Uint8Array;
  #buffer = Buffer.allocUnsafeSlow(chunkBytes);
  #filled = 0;
  #index = 0;
  #batch: Uint8Array[] = [];
  #batchStart = 0;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(handle: FileHandle, dataKey: Uint8Array) {
    this.#handle = handle;
    this.#dataKey = dataKey;
  }

  /** Copies bytes. Returns a promise to wait for before pushing more, or null. */
  push(bytes: Uint8Array): Promise<unknown> | null {
    let offset = 0;
    let pending: Promise<unknown> | null = null;
    while (offset < bytes.byteLength) {
      // Seals a full buffer only when more follows: the last chunk is sealed as the last.
      if (this.#filled === chunkBytes) {
        this.#seal(false);
        if (this.#batch.length >= 2 * chunksPerWrite) {
          pending = this.#flush();
          // A later flush replaces this promise, so it may go unobserved. That flush throws its
          // failure too.
          pending.catch(() => undefined);
        }
      }
      const taken = Math.min(chunkBytes - this.#filled, bytes.byteLength - offset);
      this.#buffer.set(bytes.subarray(offset, offset + taken), this.#filled);
      this.#filled += taken;
      offset += taken;
    }
    return pending;
  }

  /** Seals the rest as the last chunk and waits until everything is written. */
  async finish(): Promise<void> {
    this.#seal(true);
    await this.#flush();
    await this.#underWay;
  }

  /** Waits for a write that is under way, whatever its result: the file must not be closed meanwhile. */
  async settle(): Promise<void> {
    await this.#underWay.catch(() => undefined);
  }

  #seal(isLast: boolean): void {
    this.#batch.push(
      ...sealChunk(this.#dataKey, this.#index, isLast, this.#buffer.subarray(0, this.#filled)),
    );
    this.#index++;
    this.#filled = 0;
  }

  /** Starts writing the batch, and returns the promise of the write before it. */
  async #flush(): Promise<void> {
    const batch = this.#batch;
    const position = this.#batchStart * sealedChunkBytes;
    const previous = this.#underWay;
    this.#batch = [];
    this.#batchStart = this.#index;
    const write = previous.then(() => writeAll(this.#handle, batch, position));
    // The next flush or `finish` throws the failure.
    write.catch(() => undefined);
    this.#underWay = write;
    await previous;
  }
}

async function writeAll(handle: FileHandle, batch: readonly Uint8Array[], position: number): Promise<void> {
  const wanted = batch.reduce((sum, piece) => sum + piece.byteLength, 0);
  const { bytesWritten } = await handle.writev(batch, position);
  if (bytesWritten === wanted) return;
  // A short write means an almost full disk. Write the rest in pieces, so that the real error
  // occurs.
  let rest = Buffer.concat(batch).subarray(bytesWritten);
  let at = position + bytesWritten;
  while (rest.byteLength > 0) {
    const written = await handle.write(rest, 0, rest.byteLength, at);
    rest = rest.subarray(written.bytesWritten);
    at += written.bytesWritten;
  }
}
