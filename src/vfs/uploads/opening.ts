import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { isSameEtag, type ListedObject } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { ReadHandle, WriteHandle, WriteMode } from '../../model/vfs.js';
import type { UploadTarget, UploadWriter } from '../../vault/vault.js';
import type { ObjectLookup } from '../objects/lookup.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import type { UploadContext } from './context.js';
import { DeferredWriteHandle } from './deferred-write-handle.js';
import { OpenedUpload, type UploadHandle } from './opened-upload.js';
import { UploadWriteHandle } from './write-handle.js';
import type { WriteRules } from './write-rules.js';

/** Opens files of `/uploads` for reading and writing. */
export class UploadOpener {
  readonly #context: UploadContext;
  readonly #lookup: ObjectLookup;

  constructor(context: UploadContext, lookup: ObjectLookup) {
    this.#context = context;
    this.#lookup = lookup;
  }

  async read(call: Call, path: string): Promise<ReadHandle> {
    const { services, location } = this.#context;
    const ref = location.file(path);
    const reader = await services.vault.openReader(call, ref, await this.#context.keys(call));
    if (reader !== null) return new ObjectReadHandle(reader);
    throw this.#context.uploadConflict(path, 'read') ?? (await this.#lookup.noFile(call, path));
  }

  /**
   * Opens a file for writing. `stored` is called once it is in S3. Throws `is-directory`, `not-found` (no
   * parent directory, or no file and it may not be created), `not-directory`, `exists` (an exclusive open),
   * `conflict` (append to a file that is still being uploaded), and faults of the encryption.
   */
  async write(call: Call, path: string, mode: WriteMode, stored: () => void): Promise<WriteHandle> {
    const { services, location } = this.#context;
    const ref = location.file(path);
    const shown = location.shown(path);
    const mtimeSeconds = mode.attributes.mtimeSeconds ?? null;
    // The usual upload (create and truncate) replaces any existing file.
    const caresForExisting = mode.exclusive || mode.append || !mode.truncate || !mode.create;
    const [existing, isDirectory, target] = await Promise.all([
      caresForExisting ? this.#lookup.object(call, path) : null,
      this.#lookup.isLikelyDirectory(call, path),
      this.#context.target(call, ref, mtimeSeconds),
      this.#lookup.requireDirectory(call, parentPath(path)),
    ]);
    if (isDirectory) throw new Fault('is-directory', `${shown} is a directory`);
    const opening = { shown, append: mode.append, stored };
    if (existing === null && !mode.truncate && !mode.exclusive) {
      const resumed = await this.#resume(call, path, target);
      const content = mode.read ? () => this.#refuseToRead(path) : null;
      if (resumed !== null) return new OpenedUpload(resumed, { ...opening, content });
    }
    checkOpenMode(mode, existing?.size ?? null, services.open.find(ref.bucket, ref.key) !== null, shown);
    await services.parkedFiles.abort(call, ref);
    const kept = mode.truncate ? null : existing;
    const handle = await this.#replace(call, path, target, mode, kept);
    const content = mode.read ? (later: Call) => this.#content(later, path, kept) : null;
    return new OpenedUpload(handle, { ...opening, content });
  }

  /** Begins an upload to a name that has no parked upload. `kept` is the object that the open found and keeps. */
  async #replace(
    call: Call,
    path: string,
    target: UploadTarget,
    mode: WriteMode,
    kept: ListedObject | null,
  ): Promise<UploadHandle> {
    const handle = await this.#begin(call, target, {
      shown: this.#context.location.shown(path),
      keptSize: kept?.size ?? null,
      recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
      recordMtime: async (later, seconds) => {
        if (kept !== null) await this.#context.setTime(later, path, kept.etag, seconds);
      },
    });
    if (kept === null || kept.size === 0) return handle;
    return new DeferredWriteHandle(handle, {
      choose: async (later, offset) => {
        if (offset !== kept.size || !handle.isUntouched) return handle;
        await handle[Symbol.asyncDispose]();
        return await this.#extend(call, later, path, target, kept.etag);
      },
      closeUnwritten: (later) => handle.commit(later),
    });
  }

  /** Opens the object that an open for reading and writing found. Returns null if there was none. */
  async #content(call: Call, path: string, found: ListedObject | null): Promise<ReadHandle | null> {
    if (found === null) return null;
    const { services, location } = this.#context;
    const keys = await this.#context.keys(call);
    const reader = await services.vault.openReader(call, location.file(path), keys);
    if (reader !== null && isSameEtag(reader.info.etag, found.etag)) return new ObjectReadHandle(reader);
    await reader?.[Symbol.asyncDispose]();
    throw new Fault(
      'conflict',
      `${location.shown(path)} was changed by another client since it was opened: open it again`,
    );
  }

  async #refuseToRead(path: string): Promise<never> {
    throw new Fault(
      'conflict',
      `the upload of ${this.#context.location.shown(path)} was interrupted, so it cannot be read: resume it or upload it again`,
    );
  }

  /** Begins an empty upload. `call` is the call of the session. */
  async #begin(call: Call, target: UploadTarget, rules: WriteRules): Promise<UploadWriteHandle> {
    const options = { resumable: this.#isResumable };
    const writer = await this.#context.services.vault.openUpload(call, target, options);
    return this.#handle(call, writer, target, rules);
  }

  /** Begins an upload that extends the object at its target. */
  async #extend(
    call: Call,
    later: Call,
    path: string,
    target: UploadTarget,
    etag: string,
  ): Promise<UploadHandle> {
    const { services, location } = this.#context;
    const shown = location.shown(path);
    const keys = await this.#context.keys(later);
    try {
      const writer = await services.vault.openUpload(call, target, { extend: { keys, etag } });
      return this.#handle(call, writer, target, {
        ...newFile(shown),
        recheck: (last) => this.#requireSame(last, path, etag),
      });
    } catch (error) {
      const fault = Fault.from(error);
      throw new Fault(fault.kind, `cannot extend ${shown}: ${fault.userHint}`, { cause: error });
    }
  }

  /**
   * Resumes an upload to this name that is parked, or whose client has stopped sending. Returns null if there
   * is none.
   */
  async #resume(call: Call, path: string, target: UploadTarget): Promise<UploadHandle | null> {
    const { services, location } = this.#context;
    const shown = location.shown(path);
    const resumed = this.#takeOver(call, target) ?? (await this.#resumeParked(call, shown, target));
    if (resumed === null) return null;
    const { size } = resumed.attributes();
    return new DeferredWriteHandle(resumed, {
      choose: async (later, offset) => {
        if (offset === size) return resumed;
        if (offset > 0)
          throw new Fault(
            'unsupported',
            `${shown} has ${size} bytes so far: resume it at that offset, or upload it from the start`,
          );
        await resumed[Symbol.asyncDispose]();
        await services.parkedFiles.abort(later, target.ref);
        return await this.#begin(call, target, newFile(shown));
      },
      // The upload stays parked.
      closeUnwritten: async () => await resumed[Symbol.asyncDispose](),
    });
  }

  /** Takes over an upload from a session of the same user whose connection seems to be dead. */
  #takeOver(call: Call, target: UploadTarget): UploadWriteHandle | null {
    const { bucket, key } = target.ref;
    const handed = this.#context.services.open.find(bucket, key)?.handOver(this.#context.actor) ?? null;
    if (handed === null) return null;
    const { writer, rules } = handed;
    writer.adopt(call);
    call.log.info('taking over an upload from a silent connection', { bucket, key });
    const mtimeSeconds = target.mtimeSeconds ?? handed.mtimeSeconds;
    return this.#handle(call, writer, { ...target, mtimeSeconds }, rules);
  }

  async #resumeParked(call: Call, shown: string, target: UploadTarget): Promise<UploadWriteHandle | null> {
    const { services } = this.#context;
    const parked = services.parkedFiles.claim(target.ref);
    if (parked === null) return null;
    const timed = { ...target, mtimeSeconds: target.mtimeSeconds ?? parked.mtimeSeconds };
    try {
      const writer = await services.vault.openUpload(call, timed, { resumable: true, resume: parked });
      return this.#handle(call, writer, timed, newFile(shown));
    } catch (error) {
      const fault = Fault.from(error);
      await services.parkedFiles.park(call, parked);
      // An upload that cannot be resumed now can never be resumed.
      if (fault.kind === 'unsupported') await services.parkedFiles.abort(call, target.ref);
      throw new Fault(fault.kind, `cannot resume ${shown}, upload it from the start: ${fault.userHint}`, {
        cause: error,
      });
    }
  }

  #handle(
    call: Call,
    writer: UploadWriter,
    { ref, mtimeSeconds }: UploadTarget,
    rules: WriteRules,
  ): UploadWriteHandle {
    const { open, parkedFiles, clock } = this.#context.services;
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const location = { call, ref, open, parkedFiles, clock, actor: this.#context.actor };
    return new UploadWriteHandle(writer, rules, location, { nowSeconds, mtimeSeconds });
  }

  get #isResumable(): boolean {
    // In a write-only directory clients cannot see where to resume.
    return this.#context.services.parkedFiles.isEnabled && !this.#context.settings.dropbox;
  }

  /**
   * Throws `exists` if an object has appeared since the open. A short race remains between this check and the
   * write.
   */
  async #requireAbsent(call: Call, path: string): Promise<void> {
    if ((await this.#lookup.object(call, path)) === null) return;
    throw new Fault(
      'exists',
      `${this.#context.location.shown(path)} was created by another client meanwhile`,
    );
  }

  /** Throws `conflict` if the object to extend was changed since the open. */
  async #requireSame(call: Call, path: string, etag: string): Promise<void> {
    if (isSameEtag((await this.#lookup.object(call, path))?.etag, etag)) return;
    const shown = this.#context.location.shown(path);
    throw new Fault('conflict', `${shown} was changed by another client meanwhile: nothing was appended`);
  }
}

/** Returns the rules of a file that did not exist before. */
function newFile(shown: string): WriteRules {
  return { shown, keptSize: null, recheck: null, recordMtime: async () => undefined };
}

/**
 * Throws if the mode does not allow the open. `size` is that of the object, or null if there is none.
 * `uploading` means that an upload is in progress.
 */
function checkOpenMode(mode: WriteMode, size: number | null, uploading: boolean, shown: string): void {
  const isThere = size !== null || uploading;
  if (mode.exclusive && isThere) throw new Fault('exists', `${shown} exists already`);
  if (!mode.create && !isThere) throw new Fault('not-found', `${shown} does not exist`);
  if (mode.append && !mode.truncate && uploading)
    throw new Fault('conflict', `${shown} is still being uploaded: append to it or resume it later`);
}
