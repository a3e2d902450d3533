import { Mutex } from '../../concurrency/mutex.js';
import { type Call, uncancellable } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { WrittenObject } from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { openExtended } from '../upload/extended-writer.js';
import { firstPartBytes } from '../upload/part-schedule.js';
import type { UploadServices, WriterOptions } from '../upload/upload-services.js';
import type { PartUploadWriter } from '../upload/upload-writer.js';
import type { EditOptions, ObjectEditor, UploadTarget, UploadWriter } from '../vault.js';
import { writeAssembled } from './assembled-write.js';
import { BaseObject, type BaseServices, type FoundBase } from './base-object.js';
import { ChangedBytes } from './changed-bytes.js';
import type { EditMemory } from './edit-memory.js';
import { planEdit } from './edit-plan.js';
import { EditedFile } from './edited-file.js';
import { StreamedEdit, tooManyZeros } from './streamed-edit.js';

/** Services of all edits of a process. */
export interface EditServices extends UploadServices, BaseServices {
  readonly editMemory: EditMemory;
  openWriter(call: Call, target: UploadTarget, options: WriterOptions): PartUploadWriter;
}

/** Attempts to store an edit while a rotation or another edit of the same user replaces its object. */
const maxAttempts = 10;

/**
 * One file that is edited. See `ObjectEditor`. Changes stay in memory and in the scratch file until `commit`,
 * unless they turn out to be the upload of a whole file, or an extension.
 */
export class StoreEditor implements ObjectEditor {
  readonly #services: EditServices;
  readonly #target: UploadTarget;
  readonly #options: EditOptions;
  readonly #base: BaseObject | null;
  readonly #file: EditedFile;
  readonly #mutex = new Mutex();
  /** Aborts waits for disk space. */
  readonly #stopped = new AbortController();
  readonly #onEnd: () => void;
  #call: Call;
  #stream: StreamedEdit | null = null;
  #mayStream: boolean;
  /** True once the changes cannot be applied to another object. */
  #isFixed = false;
  #mtimeSeconds: number | null;
  #fault: Fault | null = null;
  #isOver = false;
  #isCommitting = false;
  #isDisposed = false;

  /** `onEnd` is called once, after the editor was disposed. */
  constructor(
    services: EditServices,
    call: Call,
    target: UploadTarget,
    options: EditOptions,
    onEnd: () => void,
  ) {
    const { base } = options;
    this.#services = services;
    this.#call = call;
    this.#target = target;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#mtimeSeconds = target.mtimeSeconds;
    this.#base = base === null ? null : new BaseObject(services, target, base);
    // A client that may read the object again needs all its bytes until the end.
    this.#mayStream = base === null || base.size === 0 || !options.readable;
    const holder = { signal: this.#stopped.signal, sendGathered: () => false };
    const changed = () => new ChangedBytes(services.editMemory, () => services.scratch.openFile(holder));
    this.#file = new EditedFile(base?.size ?? 0, (...asked) => this.#readBase(...asked), changed);
  }

  get size(): number {
    return this.#stream?.size ?? this.#file.size;
  }

  get baseEtag(): string | null {
    return this.#base?.etag ?? null;
  }

  get isUnchanged(): boolean {
    const mayDiffer = this.#file.isSized && this.#base?.isBehind === true;
    return this.#stream === null && this.#file.isUnchanged && !mayDiffer;
  }

  follow(call: Call): Promise<void> {
    return this.#exclusive(() => this.#follow(call));
  }

  /** Applies the changes to the object that another handle of the same user has stored. */
  async #follow(call: Call): Promise<void> {
    // Bytes that were sent cannot move to another object.
    if (this.#stream !== null || this.#isFixed || this.#base?.isBehind !== true) return;
    const size = await this.#base.follow(call);
    if (size !== null) await this.#file.rebase(size, this.#options.append ?? false);
  }

  async #readBase(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#base === null ? null : await this.#base.read(call, offset, length);
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#exclusive(async () => {
      if (this.#stream !== null)
        throw new Fault(
          'unsupported',
          'the file is being sent to S3 while it is written, so it can be read once it is closed',
        );
      this.#mayStream = false;
      await this.#follow(call);
      try {
        return await this.#file.read(call, offset, length);
      } catch (error) {
        if (!(await this.#base?.isOvertaken())) throw error;
        await this.#follow(call);
        return await this.#file.read(call, offset, length);
      }
    });
  }

  write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#changing(async () => {
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw new Fault('invalid', `${offset} is not a valid file offset`);
      await this.#follow(this.#call);
      const at = this.#options.append === true ? this.size : offset;
      this.#requireFit(at + chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
      if (this.#stream !== null) return await this.#stream.write(at, chunks);
      const isSequential = this.#file.sequence === null || at === this.#file.sequence.end;
      await this.#file.write(at, chunks);
      if (isSequential && this.#mayStream) await this.#streamIfLong();
    });
  }

  truncate(size: number): Promise<void> {
    return this.#changing(async () => {
      this.#requireFit(size);
      await this.#follow(this.#call);
      // Bytes that were cut would be needed behind a smaller object.
      if (this.#options.append === true && this.#file.isWritten && !this.#file.isSized) this.#isFixed = true;
      if (this.#stream === null) this.#file.resize(size);
      else await this.#stream.resize(size);
    });
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
    this.#stream?.writer.setMtime(mtimeSeconds);
  }

  adopt(call: Call): void {
    this.#call = call;
    this.#stream?.writer.adopt(call);
  }

  commit(call: Call): Promise<WrittenObject> {
    this.#isCommitting = true;
    return this.#changing(async () => {
      // The client has sent everything, so the object is stored even if the client disconnects now.
      const own = uncancellable(call);
      const stream = this.#stream;
      const written = await (stream === null ? this.#store(own) : this.#finish(own, stream));
      this.#isOver = true;
      return written;
    });
  }

  async park(): Promise<ParkedUpload | null> {
    if (this.#stream === null || this.#base !== null || this.#isOver) return null;
    const parked = await this.#stream.writer.park();
    if (parked !== null) await this[Symbol.asyncDispose]();
    return parked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isCommitting) this.#stopped.abort();
    await this.#mutex.lock();
    try {
      if (this.#isDisposed) return;
      this.#isDisposed = true;
      this.#isOver = true;
      await this.#stream?.writer[Symbol.asyncDispose]();
      await this.#file[Symbol.asyncDispose]();
      await this.#base?.[Symbol.asyncDispose]();
      this.#onEnd();
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Runs one operation at a time. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    await this.#mutex.lock();
    try {
      if (this.#fault !== null) throw this.#fault;
      if (this.#isOver) throw new Fault('invalid', 'the file is closed');
      return await work();
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Runs an operation whose fault makes all later ones fail, because the content is not what was written. */
  #changing<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive(async () => {
      try {
        return await work();
      } catch (error) {
        this.#fault = Fault.from(error);
        throw this.#fault;
      }
    });
  }

  #requireFit(size: number): void {
    const { capacityBytes } = this.#services.schedule;
    if (size > capacityBytes)
      throw new Fault('too-large', `the file is larger than ${capacityBytes} bytes, the maximum here`);
  }

  /** Begins to send the file to S3 if the changes so far are a long sequence. */
  async #streamIfLong(): Promise<void> {
    const { sequence, keptEnd, size } = this.#file;
    if (sequence === null || sequence.end - sequence.start < firstPartBytes) return;
    const writer = await this.#openStream(sequence.start > 0);
    if (writer === null) return;
    const stream = new StreamedEdit(writer, (...asked) => this.#readBase(...asked), {
      end: sequence.end,
      keptEnd,
      size,
    });
    this.#stream = stream;
    let at = sequence.start;
    for await (const view of this.#file.stream(this.#call, sequence.start, sequence.end)) {
      await writer.write(at, [view]);
      at += view.byteLength;
    }
    await this.#file[Symbol.asyncDispose]();
  }

  /** Returns null if the object cannot be extended while bytes are received. */
  async #openStream(extends_: boolean): Promise<UploadWriter | null> {
    const services = this.#services;
    const { resumable = false, base } = this.#options;
    const target = { ...this.#target, mtimeSeconds: this.#mtimeSeconds };
    if (!extends_ || base === null || this.#base === null)
      return services.openWriter(this.#call, target, { resumable: resumable && base === null });
    const replaced = await this.#base.find(this.#call);
    const extension = { keys: await base.keys(this.#call), etag: replaced.etag };
    const open = (given: WriterOptions) => services.openWriter(this.#call, target, { ...given, replaced });
    try {
      return await openExtended(services, this.#call, target, extension, open);
    } catch (error) {
      if (isFault(error, 'conflict')) throw this.#base.replaced;
      if (!isFault(error, 'unsupported')) throw error;
      this.#mayStream = false;
      return null;
    }
  }

  async #finish(call: Call, stream: StreamedEdit): Promise<WrittenObject> {
    const found = stream.needsBase && this.#base !== null ? await this.#base.find(call) : null;
    await stream.fill(call, this.#services.limits.zeroFillLimitBytes);
    if (found !== null) await this.#base?.requireSame(call, found);
    return await this.#naming(() => stream.writer.commit(call));
  }

  async #store(call: Call): Promise<WrittenObject> {
    const { zeroFillLimitBytes } = this.#services.limits;
    if (this.#file.zeroBytes > zeroFillLimitBytes) throw tooManyZeros(zeroFillLimitBytes);
    const base = this.#base;
    await this.#follow(call);
    // A file that is replaced as a whole, unread, is the same whatever was there.
    if (base === null || (!base.wasRead && this.#file.unchanged.isEmpty)) return await this.#send(call, null);
    for (let attempt = 1; ; attempt += 1) {
      let found: FoundBase | null = null;
      try {
        await this.#follow(call);
        found = await base.find(call);
        return await this.#storeOver(call, base, found);
      } catch (error) {
        // The object may have been re-encrypted, or stored by this process with any key. Another change ends the
        // loop, because `find` throws.
        const isOther = found === null || !isFault(error, 'conflict');
        if (attempt === maxAttempts || (isOther && !(await base.isOvertaken()))) throw this.#named(error);
      }
    }
  }

  async #storeOver(call: Call, base: BaseObject, found: FoundBase): Promise<WrittenObject> {
    const parts = planEdit(this.#file.size, this.#file.unchanged);
    if (parts === null) return await this.#send(call, found);
    const target = { ...this.#target, mtimeSeconds: this.#mtimeSeconds };
    try {
      return await writeAssembled(this.#services, call, { target, file: this.#file, base, found, parts });
    } catch (error) {
      // The server does not copy parts: all bytes pass through the gateway.
      if (!isFault(error, 'unsupported')) throw error;
      return await this.#send(call, found);
    }
  }

  /** Sends the whole file. */
  async #send(call: Call, replaced: FoundBase | null): Promise<WrittenObject> {
    const target = { ...this.#target, mtimeSeconds: this.#mtimeSeconds };
    await using writer = this.#services.openWriter(call, target, { replaced });
    let at = 0;
    for await (const view of this.#file.stream(call, 0, this.#file.size)) {
      await writer.write(at, [view]);
      at += view.byteLength;
    }
    return await writer.commit(call);
  }

  async #naming<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Returns S3's `conflict` with the text of this edit. */
  #named(error: unknown): unknown {
    return isFault(error, 'conflict') && this.#base !== null ? this.#base.replaced : error;
  }
}
