import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { ReadHandle, WriteHandle, WriteMode } from '../../model/vfs.js';
import type { UploadTarget, UploadWriter } from '../../vault/vault.js';
import type { ObjectLookup } from '../objects/lookup.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import type { UploadContext } from './context.js';
import { ResumedWriteHandle } from './resumed-handle.js';
import { type UploadPlace, UploadWriteHandle } from './write-handle.js';

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
   * (an exclusive open), `unsupported` (append to what is there), and those of the encryption.
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
      const resumed = await this.#resume(call, path, target);
      if (resumed !== null) return resumed;
    }
    const size = existing?.size ?? null;
    judge(mode, size, services.open.find(ref.bucket, ref.key) !== null, shown);
    await services.broken.giveUp(call, ref);
    const writer = await services.vault.openUpload(call, target, { resumable: this.#isResumable });
    return new UploadWriteHandle(
      writer,
      {
        shown,
        keptSize: mode.truncate ? null : size,
        recheck: mode.exclusive ? (later) => this.#requireAbsent(later, path) : null,
        recordMtime: (seconds) => services.ledger.recordMtime(ref, seconds),
      },
      this.#place(call, ref),
      { nowSeconds: Math.floor(services.clock.nowMs() / 1000), mtimeSeconds },
    );
  }

  /** An upload to this name that was broken off, as the client finds it. Null when there is none that it can go on with. */
  async #resume(call: Call, path: string, target: UploadTarget): Promise<WriteHandle | null> {
    const { services, location } = this.#context;
    const broken = services.broken.take(target.ref);
    if (broken === null) return null;
    const shown = location.shown(path);
    let writer: UploadWriter;
    try {
      writer = await services.vault.openUpload(call, target, { resumable: true, resume: broken });
    } catch (error) {
      const fault = Fault.from(error);
      await services.broken.keep(call, broken);
      // What cannot be gone on with now never can.
      if (fault.kind === 'unsupported') await services.broken.giveUp(call, target.ref);
      throw new Fault(fault.kind, `${shown} cannot be resumed, upload it from the start: ${fault.hint}`, {
        cause: error,
      });
    }
    const handle = (upload: UploadWriter) =>
      new UploadWriteHandle(
        upload,
        { shown, keptSize: null, recheck: null, recordMtime: async () => undefined },
        this.#place(call, target.ref),
        {
          nowSeconds: Math.floor(services.clock.nowMs() / 1000),
          mtimeSeconds: target.mtimeSeconds ?? broken.mtimeSeconds,
        },
      );
    return new ResumedWriteHandle(shown, handle(writer), async (later) => {
      await services.broken.giveUp(later, target.ref);
      return handle(await services.vault.openUpload(call, target, { resumable: this.#isResumable }));
    });
  }

  get #isResumable(): boolean {
    // Where nothing is shown nobody learns where to go on.
    return this.#context.services.broken.areKept && !this.#context.settings.dropbox;
  }

  #place(call: Call, ref: ObjectRef): UploadPlace {
    const { open, broken } = this.#context.services;
    return { call, ref, open, broken };
  }

  /** S3 has the last word only about whole writes; between this look and the write a moment remains. */
  async #requireAbsent(call: Call, path: string): Promise<void> {
    if ((await this.#lookup.object(call, path)) === null) return;
    throw new Fault('exists', `${this.#context.location.shown(path)} was made by somebody else meanwhile`);
  }
}

/** Whether the open may go on. `size` is that of the object, null when there is none; `uploading` when one is on its way. */
function judge(mode: WriteMode, size: number | null, uploading: boolean, shown: string): void {
  const isThere = size !== null || uploading;
  if (mode.exclusive && isThere) throw new Fault('exists', `${shown} exists already`);
  if (!mode.create && !isThere) throw new Fault('not-found', `${shown} does not exist`);
  if (mode.append && !mode.truncate && (uploading || (size ?? 0) > 0))
    throw new Fault(
      'unsupported',
      `${shown} exists and cannot be appended to or resumed: remove it, or upload it again from the start`,
    );
}
