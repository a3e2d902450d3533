import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { secretDirectoryMode, secretFileMode } from '../files/durable.js';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** The disk that the scratch files of all uploads take together. */
export class ScratchSpace {
  readonly directory: string;
  readonly #limitBytes: number;
  readonly #entropy: Entropy;
  #usedBytes = 0;

  constructor(directory: string, limitBytes: number, entropy: Entropy) {
    this.directory = directory;
    this.#limitBytes = limitBytes;
    this.#entropy = entropy;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  open(): ScratchFile {
    return new ScratchFile(this.directory, this.#entropy, (change) => this.#account(change));
  }

  #account(change: number): void {
    if (change > 0 && this.#usedBytes + change > this.#limitBytes) {
      throw new Fault(
        'over-quota',
        `bytes that came out of order fill the scratch space of ${this.#limitBytes} bytes; send the file from its beginning to its end, or raise scratchLimitBytes`,
      );
    }
    this.#usedBytes += change;
  }
}

/** Where a stretch of the upload lies in the scratch file. */
interface Extent {
  start: number;
  end: number;
  /** Of the byte at `start`. */
  position: number;
}

const aesBlockBytes = 16;

/**
 * Bytes of one upload that came far ahead of their turn, on disk, encrypted with AES-256-CTR under a key that only this
 * object has, in a file that has no name any more. The file only grows, so that no stretch of the key stream is
 * used twice: a rewritten range gets a new place. Calls must not overlap.
 */
export class ScratchFile implements AsyncDisposable {
  readonly #directory: string;
  readonly #account: (change: number) => void;
  readonly #key: Uint8Array;
  readonly #name: string;
  #handle: FileHandle | null = null;
  #end = 0;
  #accounted = 0;
  /** Disjoint, in order of `start`. */
  #extents: Extent[] = [];

  constructor(directory: string, entropy: Entropy, account: (change: number) => void) {
    this.#directory = directory;
    this.#account = account;
    this.#key = entropy.bytes(32);
    this.#name = `${entropy.id()}.scratch`;
  }

  get isEmpty(): boolean {
    return this.#extents.length === 0;
  }

  /** The stretch with the lowest offset, null when there is none. */
  get first(): { readonly start: number; readonly end: number } | null {
    return this.#extents[0] ?? null;
  }

  /** Keeps bytes of the upload; what was kept for the same offsets gives way. Throws `over-quota` or `unavailable`. */
  async keep(start: number, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    // Whole AES blocks, so that each stretch begins with a counter of its own.
    const room = Math.ceil(bytes.byteLength / aesBlockBytes) * aesBlockBytes;
    this.#account(room);
    this.#accounted += room;
    const position = this.#end;
    this.#end += room;
    const sealed = createCipheriv('aes-256-ctr', this.#key, counterAt(position)).update(bytes);
    try {
      const handle = await this.#open();
      await writeWhole(handle, sealed, position);
    } catch (error) {
      throw scratchFault(this.#directory, error);
    }
    this.drop(start, start + bytes.byteLength);
    const at = this.#extents.findIndex((extent) => extent.start > start);
    const extent = { start, end: start + bytes.byteLength, position };
    this.#extents.splice(at < 0 ? this.#extents.length : at, 0, extent);
  }

  /**
   * Reads kept bytes that begin at `start` into `target`, and forgets them. Answers how many: those of one
   * stretch, at most as many as `target` takes; 0 when none are kept there.
   */
  async take(start: number, target: Uint8Array): Promise<number> {
    const extent = this.#extents.find((candidate) => candidate.start <= start && candidate.end > start);
    if (extent === undefined) return 0;
    const length = Math.min(target.byteLength, extent.end - start);
    const position = extent.position + start - extent.start;
    const lead = position % aesBlockBytes;
    try {
      const handle = await this.#open();
      const sealed = Buffer.allocUnsafe(lead + length);
      await readWhole(handle, sealed, position - lead);
      const opened = createDecipheriv('aes-256-ctr', this.#key, counterAt(position - lead)).update(sealed);
      target.set(opened.subarray(lead), 0);
    } catch (error) {
      throw scratchFault(this.#directory, error);
    }
    this.drop(start, start + length);
    await this.#shrinkWhenEmpty();
    return length;
  }

  /** Forgets what is kept of the range. */
  drop(start: number, end: number): void {
    if (this.#extents.length === 0) return;
    const kept: Extent[] = [];
    for (const extent of this.#extents) {
      if (extent.end <= start || extent.start >= end) {
        kept.push(extent);
        continue;
      }
      if (extent.start < start) kept.push({ ...extent, end: start });
      if (extent.end > end) {
        kept.push({ start: end, end: extent.end, position: extent.position + end - extent.start });
      }
    }
    this.#extents = kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    this.#extents = [];
    await handle?.close().catch(() => undefined);
    this.#account(-this.#accounted);
    this.#accounted = 0;
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle !== null) return this.#handle;
    const path = join(this.#directory, this.#name);
    await mkdir(this.#directory, { recursive: true, mode: secretDirectoryMode });
    const handle = await open(path, 'wx+', secretFileMode);
    this.#handle = handle;
    await unlink(path);
    return handle;
  }

  /** Gives the disk back; the places stay used, the file becomes sparse. */
  async #shrinkWhenEmpty(): Promise<void> {
    if (!this.isEmpty || this.#handle === null) return;
    await this.#handle.truncate(0);
    this.#account(-this.#accounted);
    this.#accounted = 0;
  }
}

/** The counter of the AES block at a place of the file: 128 bits, big-endian (NIST SP 800-38A, appendix B). */
function counterAt(position: number): Buffer {
  const counter = Buffer.alloc(aesBlockBytes);
  counter.writeBigUInt64BE(BigInt(position / aesBlockBytes), 8);
  return counter;
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function readWhole(handle: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.byteLength; ) {
    const { bytesRead } = await handle.read(target, done, target.byteLength - done, position + done);
    if (bytesRead === 0) throw new Error('the scratch file is shorter than what was written to it');
    done += bytesRead;
  }
}

function scratchFault(directory: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('unavailable', `the scratch file in ${directory} cannot be used`, { cause: error });
}
