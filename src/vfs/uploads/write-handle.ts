import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import type { UploadWriter } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { OpenUploads } from './open-uploads.js';

/** What an upload has to respect of the object that its open found. */
export interface WriteRules {
  /** In quotes, for messages. */
  readonly shown: string;
  /** Of an existing file opened without truncation; null when there was none, or when it is to be replaced anyway. */
  readonly keptSize: number | null;
  /** Throws when another file has taken the name since an exclusive open. */
  readonly recheck: ((call: Call) => Promise<void>) | null;
  /** Keeps the time of a file whose content stays as it is. */
  readonly recordMtime: (mtimeSeconds: number) => Promise<void>;
}

/**
 * One upload as the door sees it. S3 replaces objects whole. So an existing file opened without truncation, as `scp` does
 * (OpenSSH sftp-client.c: it writes from the start, then cuts at the end with FSETSTAT), is a replacement too, and
 * what S3 cannot do is refused instead of done otherwise: writing into the middle, or leaving the old tail in place.
 */
export class UploadWriteHandle implements WriteHandle {
  readonly #writer: UploadWriter;
  readonly #rules: WriteRules;
  readonly #release: () => void;
  #mtimeSeconds: number;
  #mtimeIsSet: boolean;
  #written = false;
  #cut = false;
  #fault: Fault | null = null;
  #committed = false;
  #disposed = false;

  constructor(
    writer: UploadWriter,
    rules: WriteRules,
    place: { readonly open: OpenUploads; readonly bucket: string; readonly key: string },
    times: { readonly nowSeconds: number; readonly mtimeSeconds: number | null },
  ) {
    this.#writer = writer;
    this.#rules = rules;
    this.#mtimeSeconds = times.mtimeSeconds ?? times.nowSeconds;
    this.#mtimeIsSet = times.mtimeSeconds !== null;
    this.#release = place.open.add(place.bucket, place.key, this);
  }

  async write(_call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    if (!this.#written) {
      if (offset > 0 && this.#mayLoseContent()) throw this.#fail(this.#resumeRefused());
      this.#written = true;
    }
    await this.#writer.write(offset, chunks);
  }

  attributes(): Attributes {
    const untouched = !this.#written && !this.#cut;
    return fileAttributes((untouched ? this.#rules.keptSize : null) ?? this.#writer.size, this.#mtimeSeconds);
  }

  /** Mode and owner are accepted and not kept: S3 has none. */
  async setAttributes(_call: Call, change: AttributeChange): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    if (change.mtimeSeconds !== undefined) {
      this.#mtimeSeconds = change.mtimeSeconds;
      this.#mtimeIsSet = true;
      this.#writer.setMtime(change.mtimeSeconds);
    }
    if (change.size !== undefined) await this.#truncate(change.size);
  }

  async commit(call: Call): Promise<void> {
    if (this.#committed) throw new Fault('bug', 'an upload is committed once');
    this.#committed = true;
    if (this.#fault !== null) throw this.#fault;
    const { keptSize, recheck, shown, recordMtime } = this.#rules;
    if (keptSize !== null && !this.#written && !this.#cut) {
      if (this.#mtimeIsSet) await recordMtime(this.#mtimeSeconds);
      return;
    }
    if (this.#mayLoseContent() && this.#writer.size < (keptSize ?? 0))
      throw this.#fail(
        new Fault(
          'unsupported',
          `${shown} has ${keptSize} bytes and only the first ${this.#writer.size} were written: changing a part of a file is not possible here; nothing was changed, upload the whole file`,
        ),
      );
    await recheck?.(call);
    await this.#writer.commit(call);
    this.#release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
    await this.#writer[Symbol.asyncDispose]();
  }

  async #truncate(size: number): Promise<void> {
    const { keptSize, shown } = this.#rules;
    // Setting the size that an untouched file has already changes nothing.
    if (!this.#written && !this.#cut && size === keptSize) return;
    if (this.#mayLoseContent() && size > this.#writer.size && this.#writer.size < (keptSize ?? 0))
      throw this.#fail(
        new Fault(
          'unsupported',
          `${shown} cannot be given another size without its content: upload the whole file`,
        ),
      );
    if (size !== this.#writer.size) await this.#writer.truncate(size);
    this.#cut = true;
  }

  /** An existing file is there whose content the client has not given up. */
  #mayLoseContent(): boolean {
    return !this.#cut && (this.#rules.keptSize ?? 0) > 0;
  }

  #resumeRefused(): Fault {
    return new Fault(
      'unsupported',
      `${this.#rules.shown} cannot be resumed or changed in part: upload it again from the start`,
    );
  }

  #fail(fault: Fault): Fault {
    this.#fault = fault;
    return fault;
  }
}
