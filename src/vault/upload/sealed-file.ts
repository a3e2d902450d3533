import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { secretDirectoryMode, secretFileMode } from '../../files/durable.js';
import type { Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** Each write begins at a multiple of this, so that it begins with its own counter. */
export const aesBlockBytes = 16;

/** Size of the reused buffer into which a write's bytes are encrypted. */
const bufferBytes = 1024 * 1024;

/**
 * Bytes per call of the cipher. It allocates its output, which is small enough to be recycled immediately.
 */
const stepBytes = 64 * 1024;

/**
 * A nameless file, encrypted with AES-256-CTR and a key that only this object has. No position may be written
 * twice, because part of the key stream would be used twice. The first write creates the file.
 */
export class SealedFile implements AsyncDisposable {
  readonly #directory: string;
  readonly #key: Uint8Array;
  readonly #name: string;
  #handle: Promise<FileHandle> | null = null;
  #buffer: Buffer | null = null;

  constructor(directory: string, entropy: Entropy) {
    this.#directory = directory;
    this.#key = entropy.bytes(32);
    this.#name = `${entropy.id()}.scratch`;
  }

  /**
   * Writes chunks one after another, starting at `position`. Writes must not overlap. Throws `unavailable`.
   */
  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    const byteLength = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (this.#buffer === null || this.#buffer.byteLength < Math.min(byteLength, bufferBytes)) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(byteLength, bufferBytes));
    }
    const buffer = this.#buffer;
    return this.#use(async (handle) => {
      const cipher = createCipheriv('aes-256-ctr', this.#key, counterAt(position));
      let at = position;
      let filled = 0;
      for (const chunk of chunks) {
        for (let done = 0; done < chunk.byteLength; ) {
          const length = Math.min(chunk.byteLength - done, stepBytes, buffer.byteLength - filled);
          buffer.set(cipher.update(chunk.subarray(done, done + length)), filled);
          done += length;
          filled += length;
          if (filled < buffer.byteLength) continue;
          await writeWhole(handle, buffer, at);
          at += filled;
          filled = 0;
        }
      }
      if (filled > 0) await writeWhole(handle, buffer.subarray(0, filled), at);
    });
  }

  /**
   * Reads written bytes from any position. The caller owns the result. `space` is memory for the encrypted
   * bytes, 16 bytes more than `length`; it must not be used until the read settles. Throws `unavailable`.
   */
  read(
    position: number,
    length: number,
    space = Buffer.allocUnsafe(length + aesBlockBytes),
  ): Promise<Buffer> {
    const lead = position % aesBlockBytes;
    return this.#use(async (handle) => {
      const sealed = space.subarray(0, lead + length);
      await readWhole(handle, sealed, position - lead);
      const opened = createDecipheriv('aes-256-ctr', this.#key, counterAt(position - lead)).update(sealed);
      return opened.subarray(lead);
    });
  }

  /** Releases the disk space. The positions stay used, and the file becomes sparse. */
  async discard(): Promise<void> {
    if (this.#handle !== null) await this.#use((handle) => handle.truncate(0));
  }

  async #use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    try {
      this.#handle ??= this.#open();
      return await work(await this.#handle);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault('unavailable', `cannot use the scratch file in ${this.#directory}`, {
        cause: error,
      });
    }
  }

  async #open(): Promise<FileHandle> {
    const path = join(this.#directory, this.#name);
    await mkdir(this.#directory, { recursive: true, mode: secretDirectoryMode });
    const handle = await open(path, 'wx+', secretFileMode);
    await unlink(path);
    return handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = await this.#handle?.catch(() => null);
    await handle?.close().catch(() => undefined);
  }
}

/**
 * Returns the counter of the AES block at a file position: 128 bits, big-endian (NIST SP 800-38A, appendix
 * B).
 */
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
