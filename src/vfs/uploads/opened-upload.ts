import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Attributes, WriteHandle } from '../../model/vfs.js';

/** An upload without the open flags READ and APPEND, which `OpenedUpload` adds. */
export interface UploadHandle extends Omit<WriteHandle, 'read' | 'sync'> {
  attributes(): Attributes;
  /** True until content or size is changed. */
  readonly isUntouched: boolean;
}

/** The open flags and the callbacks of one open. */
export interface UploadOpening {
  /** The path in quotes, for messages. */
  readonly shown: string;
  /** SSH_FXF_APPEND: every write goes to the end of the file, whatever its offset. */
  readonly append: boolean;
  /** Reads the file with its changes like `WriteHandle.read`. Null if the handle is open for writing only. */
  readonly read: WriteHandle['read'] | null;
  /** Called once the file is stored. */
  stored(): void;
}

/** A file of `/uploads` as one client has opened it for writing, and maybe for reading and to append. */
export class OpenedUpload implements WriteHandle {
  readonly #handle: UploadHandle;
  readonly #opening: UploadOpening;
  /** Number of writes that are not answered yet, and the end of the file once they are. */
  #pending = 0;
  #end = 0;

  constructor(handle: UploadHandle, opening: UploadOpening) {
    this.#handle = handle;
    this.#opening = opening;
  }

  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    const { read, shown } = this.#opening;
    if (read === null) throw new Fault('denied', `${shown} is not open for reading`);
    return await read(call, offset, length);
  }

  async write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (length === 0) return;
    const at = this.#opening.append ? this.#reserve(length) : offset;
    this.#pending += 1;
    try {
      await this.#handle.write(call, at, chunks);
    } finally {
      this.#pending -= 1;
    }
  }

  attributes(): Attributes {
    return this.#handle.attributes();
  }

  setAttributes(...change: Parameters<WriteHandle['setAttributes']>): Promise<void> {
    return this.#handle.setAttributes(...change);
  }

  /** Does nothing: S3 has the file once CLOSE is answered. */
  async sync(): Promise<void> {}

  async commit(call: Call): Promise<void> {
    await this.#handle.commit(call);
    this.#opening.stored();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle[Symbol.asyncDispose]();
  }

  /** Returns the offset of bytes to append, which is behind all writes received before. */
  #reserve(length: number): number {
    const at = this.#pending === 0 ? this.#handle.attributes().size : this.#end;
    this.#end = at + length;
    return at;
  }
}
