import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { isSameEtag } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { ReadHandle, WriteHandle, WriteMode } from '../../model/vfs.js';
import type { UploadTarget, UploadWriter } from '../../vault/vault.js';
import type { ObjectLookup } from '../objects/lookup.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import type { UploadContext } from './context.js';
import { DeferredWriteHandle } from './deferred-write-handle.js';
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
   * Opens a file for writing. Throws `is-directory`, `not-found` (no parent directory, or no file and it may
   * not be created), `not-directory`, `exists` (an exclusive open), `conflict` (append to a file that is
   * still being uploaded), and faults of the encryption.
   */
  async write(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
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
    if (existing === null && !mode.truncate && !mode.exclusive) {
      const resumed = await this.#resume(call, path, target, mode.append);
      if (resumed !== null) return resumed;
    }
    const size = existing?.size ?? null;
    checkOpenMode(mode, size, services.open.find(ref.bucket, ref.key) !== null, shown);
    await services.parkedFiles.abort(call, ref);
    const handle = await this.#begin(call, target, {
      shown,
      keptSize: mode.truncate ? null : size,
      recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
      recordMtime: (seconds) => services.ledger.recordMtime(ref, seconds),
    });
    if (existing === null || existing.size === 0 || mode.truncate) return handle;
    return new DeferredWriteHandle(handle, {
      size: existing.size,
      append: mode.append,
      choose: async (later, offset) => {
        if (offset !== existing.size) return handle;
        await handle[Symbol.asyncDispose]();
        return await this.#extend(call, later, path, target, existing.etag);
      },
      closeUnwritten: (later) => handle.commit(later),
    });
  }

  /** Begins an empty upload. `call` is the call of the session. */
  async #begin(call: Call, target: UploadTarget, rules: WriteRules): Promise<WriteHandle> {
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
  ): Promise<WriteHandle> {
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
      throw new Fault(fault.kind, `cannot extend ${shown}: ${fault.hint}`, { cause: error });
    }
  }

  /**
   * Resumes an upload to this name that is parked, or whose client has stopped sending. Returns null if there
   * is none.
   */
  async #resume(
    call: Call,
    path: string,
    target: UploadTarget,
    append: boolean,
  ): Promise<WriteHandle | null> {
    const { services, location } = this.#context;
    const shown = location.shown(path);
    const resumed = this.#takeOver(call, target) ?? (await this.#resumeParked(call, shown, target));
    if (resumed === null) return null;
    const { size } = resumed.attributes();
    return new DeferredWriteHandle(resumed, {
      size,
      append,
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
  #takeOver(call: Call, target: UploadTarget): WriteHandle | null {
    const { bucket, key } = target.ref;
    const handed = this.#context.services.open.find(bucket, key)?.handOver(this.#context.actor) ?? null;
    if (handed === null) return null;
    const { writer, rules } = handed;
    writer.adopt(call);
    call.log.info('taking over an upload from a silent connection', { bucket, key });
    const mtimeSeconds = target.mtimeSeconds ?? handed.mtimeSeconds;
    return this.#handle(call, writer, { ...target, mtimeSeconds }, rules);
  }

  async #resumeParked(call: Call, shown: string, target: UploadTarget): Promise<WriteHandle | null> {
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
      throw new Fault(fault.kind, `cannot resume ${shown}, upload it from the start: ${fault.hint}`, {
        cause: error,
      });
    }
  }

  #handle(
    call: Call,
    writer: UploadWriter,
    { ref, mtimeSeconds }: UploadTarget,
    rules: WriteRules,
  ): WriteHandle {
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
