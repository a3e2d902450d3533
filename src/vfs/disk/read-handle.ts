import type { FileHandle } from 'node:fs/promises';
import type { Call } from '../../model/call.js';
import type { Attributes, ReadHandle } from '../../model/vfs.js';
import { attributesOfOpen } from './attributes.js';
import { withDiskFaults } from './faults.js';

/** A file on disk that is open for reading. */
export class DiskReadHandle implements ReadHandle {
  readonly #file: FileHandle;
  readonly #shown: string;
  readonly #modeMask: number;

  /** Owns `file`. `modeMask` removes the permission bits that the mount does not grant. */
  constructor(file: FileHandle, shown: string, modeMask: number) {
    this.#file = file;
    this.#shown = shown;
    this.#modeMask = modeMask;
  }

  read(_call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return withDiskFaults(this.#shown, () => readAt(this.#file, offset, length));
  }

  attributes(): Promise<Attributes> {
    return withDiskFaults(this.#shown, () => attributesOfOpen(this.#file, this.#modeMask));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Reads up to `length` bytes at an offset. Returns null at or past the end of the file. Throws file system
 * errors.
 */
export async function readAt(
  file: FileHandle,
  offset: number,
  length: number,
): Promise<readonly Uint8Array[] | null> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled === 0) return length === 0 && offset < (await file.stat()).size ? [] : null;
  return [filled === length ? buffer : buffer.subarray(0, filled)];
}
