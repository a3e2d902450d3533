import type { FileHandle } from 'node:fs/promises';
import type { Call } from '../../model/call.js';
import type { Attributes, ReadHandle } from '../../model/vfs.js';
import { withDiskFaults } from './faults.js';

/** A file on disk that is open for reading. */
export class DiskReadHandle implements ReadHandle {
  readonly #file: FileHandle;
  readonly #attributes: Attributes;
  readonly #shown: string;

  constructor(file: FileHandle, attributes: Attributes, shown: string) {
    this.#file = file;
    this.#attributes = attributes;
    this.#shown = shown;
  }

  async read(_call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    const buffer = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await withDiskFaults(this.#shown, () =>
        this.#file.read(buffer, filled, length - filled, offset + filled),
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled === 0) return length === 0 && offset < this.#attributes.size ? [] : null;
    return [filled === length ? buffer : buffer.subarray(0, filled)];
  }

  attributes(): Attributes {
    return this.#attributes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
