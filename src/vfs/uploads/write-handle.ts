import { type Call, type Clock, uncancellable } from '../../model/call.js';
import { checksumText } from '../../model/checksum.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import type { AttributeChange, Attributes } from '../../model/vfs.js';
import type { FileWriter, ObjectEditor } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { OpenUpload, OpenUploads } from './open-uploads.js';
import type { UploadHandle } from './opened-upload.js';
import type { ParkedFiles } from './parked-files.js';
import type { UploadHandover, WriteRules } from './write-rules.js';

/**
 * Time without a write after which another session may take over the upload. Clients that are sending do not
 * pause this long; disconnected ones do.
 */
const silenceMs = 5_000;

/** The location of an upload, and the services that know other uploads there. */
export interface UploadLocation {
  /** Call of the client's session, which may have ended. */
  readonly call: Call;
  readonly actor: string;
  /** Stands for the session that has opened the file. */
  readonly session: object;
  readonly clock: Clock;
  readonly ref: ObjectRef;
  /** True if the name is excluded: the complete upload then waits until it is renamed. */
  readonly isHeld: boolean;
  readonly open: OpenUploads;
  readonly parkedFiles: ParkedFiles;
}

/**
 * One upload or edit as the SFTP server sees it. A client that may not read a stored file, in a write-only
 * directory, has to replace it as a whole. `scp` does (OpenSSH sftp-client.c: it opens without truncation,
 * writes from the start, then truncates with FSETSTAT). Writing into the middle of such a file is refused, and
 * so is keeping its old tail.
 */
export class UploadWriteHandle implements UploadHandle, OpenUpload {
  readonly isListed = true;
  readonly #writer: FileWriter | ObjectEditor;
  readonly #rules: WriteRules;
  readonly #location: UploadLocation;
  readonly #release: () => void;
  #mtimeSeconds: number;
  #mtimeIsSet: boolean;
  #written = false;
  #cut = false;
  #fault: Fault | null = null;
  #committed = false;
  #disposed = false;
  /** Number of writes that are not answered yet. */
  #pending = 0;
  #silentSinceMs: number;
  #isHandedOver = false;
  /** Whether the upload could be resumed if it were interrupted now. */
  #isResumable = true;

  constructor(
    writer: FileWriter | ObjectEditor,
    rules: WriteRules,
    location: UploadLocation,
    times: { readonly nowSeconds: number; readonly mtimeSeconds: number | null },
  ) {
    this.#writer = writer;
    this.#rules = rules;
    this.#mtimeSeconds = times.mtimeSeconds ?? times.nowSeconds;
    this.#mtimeIsSet = times.mtimeSeconds !== null;
    this.#location = location;
    this.#silentSinceMs = location.clock.monotonicMs();
    this.#release = location.open.add(location.ref.bucket, location.ref.key, this);
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
      if (this.#pending === 0) this.#silentSinceMs = this.#location.clock.monotonicMs();
    }
  }

  handOver(actor: string): UploadHandover | null {
    const location = this.#location;
    const rules = this.#rules;
    const isSilent = this.#pending === 0 && location.clock.monotonicMs() - this.#silentSinceMs >= silenceMs;
    const isNew = rules.keptSize === null && !rules.keepsObject && this.#written;
    if (!isSilent || !isNew || this.#committed || this.#disposed || this.#fault !== null) return null;
    // An upload whose session has ended is being parked.
    if (actor !== location.actor || location.call.signal.aborted) return null;
    this.#fault = new Fault('conflict', `another connection has taken over the upload of ${rules.shown}`);
    this.#isHandedOver = true;
    this.#release();
    return { writer: this.#writer, rules, mtimeSeconds: this.#mtimeIsSet ? this.#mtimeSeconds : null };
  }

  get session(): object {
    return this.#location.session;
  }

  get isEdit(): boolean {
    return this.#editor !== null && this.#rules.keepsObject;
  }

  get #editor(): ObjectEditor | null {
    return 'follow' in this.#writer ? this.#writer : null;
  }

  async follow(call: Call): Promise<void> {
    if (this.#committed || this.#disposed) return;
    // The next operation of the handle tries again.
    await this.#editor?.follow(call).catch(() => undefined);
  }

  get keepsObject(): boolean {
    return this.#rules.keepsObject;
  }

  get isUntouched(): boolean {
    return !this.#written && !this.#cut;
  }

  /** A file that was opened without truncation keeps its size until the client writes more or truncates it. */
  attributes(): Attributes {
    const keptSize = this.#cut ? 0 : (this.#rules.keptSize ?? 0);
    return fileAttributes(Math.max(keptSize, this.#writer.size), this.#mtimeSeconds);
  }

  /** Sets time and size. Mode and owner are ignored, because S3 has none. */
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
    this.#isResumable = false;
    if (this.#fault !== null) throw this.#fault;
    const { open, ref } = this.#location;
    await open.close(uncancellable(call), ref, () => this.#store(call));
  }

  async #store(call: Call): Promise<void> {
    const { keptSize, keepsObject, recheck, shown, recordMtime } = this.#rules;
    if (keepsObject && this.isUntouched && this.#editor?.isUnchanged !== false) {
      if (this.#mtimeIsSet) await recordMtime(call, this.#mtimeSeconds);
      return;
    }
    if (this.#mayLoseContent() && this.#writer.size < (keptSize ?? 0))
      throw this.#fail(
        new Fault(
          'unsupported',
          `${shown} has ${keptSize} bytes but only the first ${this.#writer.size} were written: files cannot be changed in part, and nothing has changed; upload the whole file`,
        ),
      );
    await recheck?.(call);
    const { parkedFiles, isHeld, ref } = this.#location;
    if (isHeld) {
      const writer = this.#writer;
      if (!('hold' in writer)) throw new Fault('bug', 'a file with an excluded name was opened for changes');
      await parkedFiles.park(call, await this.#storing(() => writer.hold()));
      call.note?.({ size: writer.size, outcome: 'parked' });
      this.#release();
      return;
    }
    const { checksum, versionId } = await this.#storing(() => this.#writer.commit(call));
    const { size } = this.#writer;
    const summed = checksum === null ? {} : { checksum: checksumText(checksum) };
    call.note?.({ versionId, size, outcome: 'stored', ...summed });
    this.#release();
    await parkedFiles.abort(call, ref);
  }

  async #storing<T>(store: () => Promise<T>): Promise<T> {
    try {
      return await store();
    } catch (error) {
      this.#isResumable = Fault.from(error).isTransient;
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
    else await this.#location.parkedFiles.park(uncancellable(this.#location.call), parked);
  }

  async #park(): Promise<ParkedUpload | null> {
    if (!this.#isResumable || this.#fault !== null) return null;
    try {
      return await this.#writer.park();
    } catch (error) {
      this.#location.call.log.warn('could not park an interrupted upload', {
        ...this.#location.ref,
        error: Fault.from(error),
      });
      return null;
    }
  }

  async #truncate(size: number): Promise<void> {
    const { keptSize, shown } = this.#rules;
    // Setting the current size of an untouched file changes nothing. Another handle may change the size later.
    if (this.isUntouched && size === this.attributes().size) {
      await this.#editor?.truncate(size);
      if (this.#editor?.isUnchanged !== false) return;
    }
    if (this.#mayLoseContent() && size > this.#writer.size && this.#writer.size < (keptSize ?? 0))
      throw this.#fail(
        new Fault('unsupported', `${shown} cannot be resized without its content: upload the whole file`),
      );
    // The size that is set also holds for what another handle stores meanwhile.
    if (this.#editor !== null || size !== this.#writer.size) await this.#writer.truncate(size);
    this.#cut = true;
  }

  /** Returns whether there is an existing file that the client has not truncated. */
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
