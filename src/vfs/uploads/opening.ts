import type { Call } from '../../model/call.js';
import { isSameEtag } from '../../model/etag.js';
import { Fault } from '../../model/fault.js';
import { parentPath } from '../../model/path.js';
import type { ReadHandle, WriteHandle, WriteMode } from '../../model/vfs.js';
import type { UploadTarget, UploadWriter } from '../../vault/vault.js';
import type { ObjectLookup } from '../objects/lookup.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import { ChoosingWriteHandle } from './choosing-handle.js';
import type { UploadContext } from './context.js';
import { UploadWriteHandle, type WriteRules } from './write-handle.js';

/** Opens files of `/uploads`. */
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
    throw this.#context.unfinished(path, 'read') ?? (await this.#lookup.noFile(call, path));
  }

  /**
   * Throws `is-directory`, `not-found` (the directory above, or the file when it may not be made), `not-directory`, `exists`
   * (an exclusive open), `conflict` (append to what is still being uploaded), and those of the encryption.
   */
  async write(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    const { services, location } = this.#context;
    const ref = location.file(path);
    const shown = location.shown(path);
    const mtimeSeconds = mode.attributes.mtimeSeconds ?? null;
    // The usual upload (create and truncate) does not care what was there.
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
    judge(mode, size, services.open.find(ref.bucket, ref.key) !== null, shown);
    await services.broken.giveUp(call, ref);
    const handle = await this.#begin(call, target, {
      shown,
      keptSize: mode.truncate ? null : size,
      recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
      recordMtime: (seconds) => services.ledger.recordMtime(ref, seconds),
    });
    if (existing === null || existing.size === 0 || mode.truncate) return handle;
    return new ChoosingWriteHandle(handle, {
      size: existing.size,
      append: mode.append,
      choose: async (later, offset) => {
        if (offset !== existing.size) return handle;
        await handle[Symbol.asyncDispose]();
        return await this.#extend(call, later, path, target, existing.etag);
      },
      untouched: (later) => handle.commit(later),
    });
  }

  /** An upload that has nothing yet. `call` is the session's. */
  async #begin(call: Call, target: UploadTarget, rules: WriteRules): Promise<WriteHandle> {
    const options = { resumable: this.#isResumable };
    const writer = await this.#context.services.vault.openUpload(call, target, options);
    return this.#handle(call, writer, target, rules);
  }

  /** An upload that makes the object at its target longer. */
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
      throw new Fault(fault.kind, `${shown} cannot be made longer: ${fault.hint}`, { cause: error });
    }
  }

  /** An upload to this name that was broken off, or fell silent, as the client finds it. Null when there is none. */
  async #resume(
    call: Call,
    path: string,
    target: UploadTarget,
    append: boolean,
  ): Promise<WriteHandle | null> {
    const { services, location } = this.#context;
    const shown = location.shown(path);
    const resumed = this.#takeOver(call, target) ?? (await this.#takeUp(call, shown, target));
    if (resumed === null) return null;
    const { size } = resumed.attributes();
    return new ChoosingWriteHandle(resumed, {
      size,
      append,
      choose: async (later, offset) => {
        if (offset === size) return resumed;
        if (offset > 0)
          throw new Fault(
            'unsupported',
            `${shown} has ${size} bytes so far: it can be resumed there, or uploaded from the start`,
          );
        await resumed[Symbol.asyncDispose]();
        await services.broken.giveUp(later, target.ref);
        return await this.#begin(call, target, newFile(shown));
      },
      // It waits on.
      untouched: async () => await resumed[Symbol.asyncDispose](),
    });
  }

  /** That of a session of the same user whose connection seems to be broken. */
  #takeOver(call: Call, target: UploadTarget): WriteHandle | null {
    const { bucket, key } = target.ref;
    const handed = this.#context.services.open.find(bucket, key)?.handOver(this.#context.actor) ?? null;
    if (handed === null) return null;
    const { writer, rules } = handed;
    writer.adopt(call);
    call.log.info('an upload is taken over from a connection that has fallen silent', { bucket, key });
    const mtimeSeconds = target.mtimeSeconds ?? handed.mtimeSeconds;
    return this.#handle(call, writer, { ...target, mtimeSeconds }, rules);
  }

  async #takeUp(call: Call, shown: string, target: UploadTarget): Promise<WriteHandle | null> {
    const { services } = this.#context;
    const broken = services.broken.take(target.ref);
    if (broken === null) return null;
    const timed = { ...target, mtimeSeconds: target.mtimeSeconds ?? broken.mtimeSeconds };
    try {
      const writer = await services.vault.openUpload(call, timed, { resumable: true, resume: broken });
      return this.#handle(call, writer, timed, newFile(shown));
    } catch (error) {
      const fault = Fault.from(error);
      await services.broken.keep(call, broken);
      // What cannot be gone on with now never can.
      if (fault.kind === 'unsupported') await services.broken.giveUp(call, target.ref);
      throw new Fault(fault.kind, `${shown} cannot be resumed, upload it from the start: ${fault.hint}`, {
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
    const { open, broken, clock } = this.#context.services;
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const place = { call, ref, open, broken, clock, actor: this.#context.actor };
    return new UploadWriteHandle(writer, rules, place, { nowSeconds, mtimeSeconds });
  }

  get #isResumable(): boolean {
    // Where nothing is shown nobody learns where to go on.
    return this.#context.services.broken.areKept && !this.#context.settings.dropbox;
  }

  /** S3 has the last word only about whole writes; between this look and the write a moment remains. */
  async #requireAbsent(call: Call, path: string): Promise<void> {
    if ((await this.#lookup.object(call, path)) === null) return;
    throw new Fault('exists', `${this.#context.location.shown(path)} was made by somebody else meanwhile`);
  }

  /** The same for an object that is made longer. */
  async #requireSame(call: Call, path: string, etag: string): Promise<void> {
    if (isSameEtag((await this.#lookup.object(call, path))?.etag, etag)) return;
    const shown = this.#context.location.shown(path);
    throw new Fault('conflict', `${shown} was changed by somebody else meanwhile: nothing was added to it`);
  }
}

/** The rules of a file that was not there. */
function newFile(shown: string): WriteRules {
  return { shown, keptSize: null, recheck: null, recordMtime: async () => undefined };
}

/** Whether the open may go on. `size` is that of the object, null when there is none; `uploading` when one is on its way. */
function judge(mode: WriteMode, size: number | null, uploading: boolean, shown: string): void {
  const isThere = size !== null || uploading;
  if (mode.exclusive && isThere) throw new Fault('exists', `${shown} exists already`);
  if (!mode.create && !isThere) throw new Fault('not-found', `${shown} does not exist`);
  if (mode.append && !mode.truncate && uploading)
    throw new Fault(
      'conflict',
      `${shown} is still being uploaded: it can be appended to, or resumed, after that`,
    );
}
