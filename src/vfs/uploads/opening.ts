import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { isSameEtag, type ListedObject, type ObjectRef } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { AttributeChange, ReadHandle, WriteHandle, WriteMode } from '../../model/vfs.js';
import type { EditBase, FileWriter, ObjectEditor, UploadTarget } from '../../vault/vault.js';
import type { ObjectLookup } from '../objects/lookup.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import type { UploadContext } from './context.js';
import { DeferredWriteHandle, withoutHole } from './deferred-write-handle.js';
import { HeldHandle } from './held-handle.js';
import { isSentByOther, type OpenUpload } from './open-uploads.js';
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
    const [existing, isDirectory, fresh] = await Promise.all([
      caresForExisting ? this.#lookup.object(call, path) : null,
      this.#lookup.isLikelyDirectory(call, path),
      this.#context.newTarget(call, path, mtimeSeconds),
      this.#lookup.requireDirectory(call, parentPath(path)),
    ]);
    if (isDirectory) throw new Fault('is-directory', `${shown} is a directory`);
    // An object that exists under an excluded name stays under it.
    const target = existing === null ? fresh : await this.#context.target(call, ref, mtimeSeconds);
    const opening = { shown, append: mode.append, stored };
    if (existing === null && !mode.truncate && !mode.exclusive) {
      const resumed = await this.#resume(call, path, target);
      const read = mode.read ? () => this.#refuseToRead(path) : null;
      if (resumed !== null) return new OpenedUpload(resumed, { ...opening, read });
    }
    const uploading = services.open.find(ref.bucket, ref.key);
    checkOpenMode(mode, existing?.size ?? null, uploading, shown);
    await services.parkedFiles.abort(call, ref);
    const kept = mode.truncate ? null : existing;
    const hasOtherBytes = !mode.truncate && isSentByOther(uploading, this.#context);
    const guard = (handle: UploadHandle) => (hasOtherBytes ? withoutHole(handle, mode, shown) : handle);
    // A user without the right to read must not learn the rest of a file by changing it. A file with an excluded
    // name is written only from its start or its end.
    const isEdit =
      target.shownKey === undefined &&
      (mode.read || (kept !== null && this.#context.settings.uploadRights.read));
    if (isEdit) {
      const { handle, read } = this.#edit(call, path, target, mode, kept);
      return new OpenedUpload(guard(handle), { ...opening, read: mode.read ? read : null });
    }
    const handle = await this.#replace(call, path, target, mode, kept);
    return new OpenedUpload(guard(handle), { ...opening, read: null });
  }

  /** Stores a file with another size, and maybe another time. `file` is the object that was found. */
  async resize(call: Call, path: string, file: ListedObject, change: AttributeChange): Promise<void> {
    const { location } = this.#context;
    const target = await this.#context.target(call, location.file(path), change.mtimeSeconds ?? null);
    const mode = { read: false, exclusive: false, append: false };
    await using handle = this.#edit(call, path, target, mode, file).handle;
    await handle.setAttributes(call, change);
    await handle.commit(call);
  }

  /** Opens a file for changes in any part of it. `kept` is the object that the open found and keeps. */
  #edit(
    call: Call,
    path: string,
    target: UploadTarget,
    mode: Pick<WriteMode, 'read' | 'exclusive' | 'append'>,
    kept: ListedObject | null,
  ): { readonly handle: UploadWriteHandle; readonly read: WriteHandle['read'] } {
    const editor = this.#context.services.vault.openEdit(call, target, {
      base: kept === null ? null : this.#base(path, kept),
      readable: mode.read,
      append: mode.append,
      resumable: this.#isResumable && kept === null,
    });
    const handle = this.#handle(call, editor, target, {
      ...newFile(this.#context.location.shown(path)),
      keepsObject: kept !== null,
      recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
      recordMtime: async (later, seconds) => {
        await editor.follow(later);
        if (editor.baseEtag !== null) await this.#context.setTime(later, path, editor.baseEtag, seconds);
      },
    });
    return { handle, read: (...asked) => editor.read(...asked) };
  }

  #base(path: string, { etag, size }: ListedObject): EditBase {
    const shown = this.#context.location.shown(path);
    return {
      etag,
      size,
      keys: (call) => this.#context.keys(call),
      replaced: () =>
        new Fault('conflict', `${shown} was changed by another client since it was opened: open it again`),
    };
  }

  async #keepTime(call: Call, path: string, kept: ListedObject | null, seconds: number): Promise<void> {
    if (kept !== null) await this.#context.setTime(call, path, kept.etag, seconds);
  }

  /**
   * Begins an upload to a name that has no parked upload. `kept` is the object that the open found, and that
   * the client replaces as a whole or extends.
   */
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
      keepsObject: kept !== null,
      recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
      recordMtime: (later, seconds) => this.#keepTime(later, path, kept, seconds),
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

  async #refuseToRead(path: string): Promise<never> {
    const isHeld = this.#context.services.parkedFiles.held(this.#context.location.file(path)) !== null;
    const held = isHeld ? this.#context.uploadConflict(path, 'read') : null;
    if (held !== null) throw held;
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
    const ref = location.file(path);
    if (services.parkedFiles.held(ref) !== null) return this.#continueHeld(call, path, target);
    const resumed = this.#takeOver(call, ref, target) ?? (await this.#resumeParked(call, path, target));
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
        await services.parkedFiles.abort(later, ref);
        return await this.#begin(call, target, newFile(shown));
      },
      // The upload stays parked.
      closeUnwritten: async () => await resumed[Symbol.asyncDispose](),
    });
  }

  /** Opens a complete upload that waits for its name. It stays as it is unless the client writes. */
  #continueHeld(call: Call, path: string, target: UploadTarget): UploadHandle | null {
    const { services, location } = this.#context;
    const { bucket, key } = location.file(path);
    const held = services.open.find(bucket, key);
    if (held === null) return null;
    const shown = location.shown(path);
    return new DeferredWriteHandle(new HeldHandle(held), {
      choose: async (later, offset) => {
        const { size } = held.attributes();
        if (offset === size) {
          const resumed = await this.#resumeParked(call, path, target);
          if (resumed !== null) return resumed;
        } else if (offset > 0)
          throw new Fault(
            'unsupported',
            `${shown} has ${size} bytes: continue it at that offset, or upload it from the start`,
          );
        await services.parkedFiles.abort(later, { bucket, key });
        return await this.#begin(call, target, newFile(shown));
      },
      closeUnwritten: async () => undefined,
    });
  }

  /** Takes over an upload from a session of the same user whose connection seems to be dead. */
  #takeOver(call: Call, { bucket, key }: ObjectRef, target: UploadTarget): UploadWriteHandle | null {
    const handed = this.#context.services.open.find(bucket, key)?.handOver(this.#context.actor) ?? null;
    if (handed === null) return null;
    const { writer, rules } = handed;
    writer.adopt(call);
    call.log.info('taking over an upload from a silent connection', { bucket, key });
    const mtimeSeconds = target.mtimeSeconds ?? handed.mtimeSeconds;
    return this.#handle(call, writer, { ...target, mtimeSeconds }, rules);
  }

  async #resumeParked(call: Call, path: string, target: UploadTarget): Promise<UploadWriteHandle | null> {
    const { services, location } = this.#context;
    const shown = location.shown(path);
    const ref = location.file(path);
    const parked = services.parkedFiles.claim(ref);
    if (parked === null) return null;
    const timed = { ...target, mtimeSeconds: target.mtimeSeconds ?? parked.mtimeSeconds };
    try {
      const writer = await services.vault.openUpload(call, timed, { resumable: true, resume: parked });
      return this.#handle(call, writer, timed, newFile(shown));
    } catch (error) {
      const fault = Fault.from(error);
      await services.parkedFiles.park(call, parked);
      // An upload that cannot be resumed now can never be resumed.
      if (fault.kind === 'unsupported' && !parked.isComplete) await services.parkedFiles.abort(call, ref);
      throw new Fault(fault.kind, `cannot resume ${shown}, upload it from the start: ${fault.userHint}`, {
        cause: error,
      });
    }
  }

  #handle(
    call: Call,
    writer: FileWriter | ObjectEditor,
    { ref: stored, shownKey, mtimeSeconds }: UploadTarget,
    rules: WriteRules,
  ): UploadWriteHandle {
    const { open, parkedFiles, clock } = this.#context.services;
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const ref = { bucket: stored.bucket, key: shownKey ?? stored.key };
    const { actor } = this.#context;
    const isHeld = shownKey !== undefined;
    const location = { call, ref, isHeld, open, parkedFiles, clock, actor, session: this.#context };
    return new UploadWriteHandle(writer, rules, location, { nowSeconds, mtimeSeconds });
  }

  get #isResumable(): boolean {
    // Clients that may not list cannot see where to resume.
    return this.#context.services.parkedFiles.isEnabled && this.#context.settings.uploadRights.list;
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
  const recordMtime = async () => undefined;
  return { shown, keptSize: null, keepsObject: false, recheck: null, recordMtime };
}

/**
 * Throws if the mode does not allow the open. `size` is that of the object, or null if there is none.
 * `uploading` is the upload in progress, if there is one.
 */
function checkOpenMode(
  mode: WriteMode,
  size: number | null,
  uploading: OpenUpload | null,
  shown: string,
): void {
  const isThere = size !== null || uploading !== null;
  if (mode.exclusive && isThere) throw new Fault('exists', `${shown} exists already`);
  if (!mode.create && !isThere) throw new Fault('not-found', `${shown} does not exist`);
  if (mode.append && !mode.truncate && uploading !== null && !uploading.isEdit)
    throw new Fault('conflict', `${shown} is still being uploaded: append to it or resume it later`);
}
