import { type Call, type Clock, lasting } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import type { UploadWriter } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { BrokenUploads } from './broken-uploads.js';
import type { HandedOver, OpenUpload, OpenUploads } from './open-uploads.js';

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

/** After so long without a write another session may go on: a client that sends does not pause like this, one that is cut off does. */
const silenceMs = 5_000;

/** Where an upload will be, and what is known of others there. */
export interface UploadPlace {
  /** That of the client's session, which may be over. */
  readonly call: Call;
  readonly actor: string;
  readonly clock: Clock;
  readonly ref: ObjectRef;
  readonly open: OpenUploads;
  readonly broken: BrokenUploads;
}

/**
 * One upload as the door sees it. S3 replaces objects whole. So an existing file opened without truncation, as `scp` does
 * (OpenSSH sftp-client.c: it writes from the start, then cuts at the end with FSETSTAT), is a replacement too, and
 * what S3 cannot do is refused instead of done otherwise: writing into the middle, or leaving the old tail in place.
 */
export class UploadWriteHandle implements WriteHandle, OpenUpload {
  readonly #writer: UploadWriter;
  readonly #rules: WriteRules;
  readonly #place: UploadPlace;
  readonly #release: () => void;
  #mtimeSeconds: number;
  #mtimeIsSet: boolean;
  #written = false;
  #cut = false;
  #fault: Fault | null = null;
  #committed = false;
  #disposed = false;
  /** Writes that are not answered yet, and since when there is none. */
  #pending = 0;
  #silentSinceMs: number;
  #isHandedOver = false;
  /** Broken off now, it could be resumed. */
  #isBroken = true;

  constructor(
    writer: UploadWriter,
    rules: WriteRules,
    place: UploadPlace,
    times: { readonly nowSeconds: number; readonly mtimeSeconds: number | null },
  ) {
    this.#writer = writer;
    this.#rules = rules;
    this.#mtimeSeconds = times.mtimeSeconds ?? times.nowSeconds;
    this.#mtimeIsSet = times.mtimeSeconds !== null;
    this.#place = place;
    this.#silentSinceMs = place.clock.monotonicMs();
    this.#release = place.open.add(place.ref.bucket, place.ref.key, this);
  }

  async write(_call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    if (!this.#written) {
      if (offset > 0 && this.#mayLoseContent()) throw this.#fail(this.#resumeRefused());
      this.#written = true;
    }
    this.#pending += 1;
    try {
      await this.#writer.write(offset, chunks);
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) this.#silentSinceMs = this.#place.clock.monotonicMs();
    }
  }

  handOver(actor: string): HandedOver | null {
    const place = this.#place;
    const rules = this.#rules;
    const isSilent = this.#pending === 0 && place.clock.monotonicMs() - this.#silentSinceMs >= silenceMs;
    const isNew = rules.keptSize === null && this.#written;
    if (!isSilent || !isNew || this.#committed || this.#disposed || this.#fault !== null) return null;
    // One whose session has ended is being parked.
    if (actor !== place.actor || place.call.signal.aborted) return null;
    this.#fault = new Fault('conflict', `another connection goes on with the upload of ${rules.shown}`);
    this.#isHandedOver = true;
    this.#release();
    return { writer: this.#writer, rules, mtimeSeconds: this.#mtimeIsSet ? this.#mtimeSeconds : null };
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
    this.#isBroken = false;
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
    await this.#commitWriter(call);
    this.#release();
    await this.#place.broken.giveUp(call, this.#place.ref);
  }

  async #commitWriter(call: Call): Promise<void> {
    try {
      await this.#writer.commit(call);
    } catch (error) {
      this.#isBroken = Fault.from(error).isTransient;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#isHandedOver) return;
    const parked = await this.#park();
    this.#release();
    if (parked === null) await this.#writer[Symbol.asyncDispose]();
    else await this.#place.broken.keep(lasting(this.#place.call), parked);
  }

  async #park(): Promise<ParkedUpload | null> {
    if (!this.#isBroken || this.#fault !== null) return null;
    try {
      return await this.#writer.park();
    } catch (error) {
      this.#place.call.log.warn('an upload that was broken off cannot be resumed', {
        ...this.#place.ref,
        error: Fault.from(error),
      });
      return null;
    }
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
