import type { Call } from '../../model/call.js';
import type { Attributes, ReadHandle } from '../../model/vfs.js';
import type { ObjectReader } from '../../vault/vault.js';
import { fileAttributes } from './attributes.js';

/** A file of `/uploads` being read, the version that was opened. */
export class UploadReadHandle implements ReadHandle {
  readonly #reader: ObjectReader;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#reader.read(call, offset, length);
  }

  attributes(): Attributes {
    return fileAttributes(this.#reader.info.size, this.#reader.mtimeSeconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}
