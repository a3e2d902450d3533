import type { Call } from '../../model/call.js';
import type { Attributes, ReadHandle } from '../../model/vfs.js';
import type { ObjectReader } from '../../vault/vault.js';
import { fileAttributes } from './attributes.js';

/** An object that is open for reading as a file, pinned to the version that was opened. */
export class ObjectReadHandle implements ReadHandle {
  readonly #reader: ObjectReader;
  readonly #modeMask: number;

  /** `modeMask` removes the permission bits that the mount does not grant. */
  constructor(reader: ObjectReader, modeMask = 0o777) {
    this.#reader = reader;
    this.#modeMask = modeMask;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#reader.read(call, offset, length);
  }

  attributes(): Attributes {
    const attributes = fileAttributes(this.#reader.info.size, this.#reader.mtimeSeconds);
    return { ...attributes, mode: attributes.mode & this.#modeMask };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}
