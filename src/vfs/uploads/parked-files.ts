import { isDeepStrictEqual } from 'node:util';
import { type Call, type Clock, uncancellable } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import type { ObjectRef, ObjectStore } from '../../model/object-store.js';
import { type ParkedUpload, type ParkedUploads, parkedBytes } from '../../model/parked-uploads.js';
import { parseUsername, type UserDirectory } from '../../model/users.js';
import type { AttributeChange } from '../../model/vfs.js';
import { sealedWith as sealedAs } from '../../vault/sealed-with.js';
import type { Vault } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { OpenUpload, OpenUploads } from './open-uploads.js';

/** Services that the parked uploads need. */
export interface ParkedFilesServices {
  readonly vault: Pick<Vault, 'abortParked'>;
  readonly parked: Pick<ParkedUploads, 'parked'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly clock: Clock;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly open: OpenUploads;
  /** Time that parked uploads are kept; 0 disables parking. */
  readonly windowMs: number;
}

/** Parked uploads by target key. They are listed as files with the number of bytes stored in S3. */
export class ParkedFiles {
  readonly #services: ParkedFilesServices;
  readonly #byName = new Map<string, { readonly upload: ParkedUpload; readonly hide: () => void }>();

  constructor(services: ParkedFilesServices) {
    this.#services = services;
  }

  get isEnabled(): boolean {
    return this.#services.windowMs > 0;
  }

  /** Shows the uploads that an earlier run parked. Must be called before the first client connects. */
  async restore(): Promise<void> {
    for (const upload of await this.#services.parked.parked()) this.#show(upload);
  }

  /**
   * Shows a newly parked upload until it is resumed or aborted. If an object of that name exists, aborts the
   * upload instead, because the upload would hide the complete object.
   */
  async park(call: Call, upload: ParkedUpload): Promise<void> {
    if (await this.#isObject(call, upload.ref)) {
      await this.#discard(call, upload);
      return;
    }
    await this.abort(call, upload.ref);
    this.#show(upload);
  }

  /** Returns whether the object exists. False also if S3 does not answer. */
  async #isObject(call: Call, ref: ObjectRef): Promise<boolean> {
    try {
      return (await findListed(this.#services.store, call, ref)) !== null;
    } catch {
      return false;
    }
  }

  has(ref: ObjectRef): boolean {
    return this.#byName.has(nameOf(ref));
  }

  /** Removes and returns a parked upload for its resumer, or null if there is none. */
  claim(ref: ObjectRef): ParkedUpload | null {
    const name = nameOf(ref);
    const found = this.#byName.get(name);
    if (found === undefined) return null;
    this.#byName.delete(name);
    found.hide();
    return found.upload;
  }

  /** Aborts a parked upload. If S3 fails, the next start tries again. Returns false if there is none. */
  async abort(call: Call, ref: ObjectRef): Promise<boolean> {
    const upload = this.claim(ref);
    if (upload === null) return false;
    await this.#discard(call, upload);
    return true;
  }

  /** Aborts an upload at S3. Never throws, because the operation of the caller has succeeded anyway. */
  async #discard(call: Call, upload: ParkedUpload): Promise<void> {
    try {
      await this.#services.vault.abortParked(uncancellable(call), upload);
    } catch (error) {
      call.log.warn('a parked upload could not be aborted; retrying at the next start', {
        ...upload.ref,
        error: Fault.from(error),
      });
    }
  }

  /**
   * Aborts uploads whose time has expired, and those that can no longer be resumed: they would block the
   * retirement of a key.
   */
  async expire(call: Call): Promise<void> {
    for (const { upload } of [...this.#byName.values()]) {
      const { bucket, key } = upload.ref;
      try {
        const reason = await this.#reasonToAbort(call, upload);
        if (reason === null || this.#byName.get(nameOf(upload.ref))?.upload !== upload) continue;
        await this.abort(call, upload.ref);
        call.log.info('aborting a parked upload', { bucket, key, reason });
      } catch (error) {
        const fault = Fault.from(error);
        if (fault.kind === 'cancelled') throw fault;
        // For example a key is not available, which its user sees in other faults. This check repeats every
        // minute.
        call.log.debug('could not check a parked upload', {
          bucket,
          key,
          error: fault,
        });
      }
    }
  }

  async #reasonToAbort(call: Call, { actor, parkedMs, sealedWith }: ParkedUpload): Promise<string | null> {
    const { clock, windowMs, users } = this.#services;
    if (parkedMs <= clock.nowMs() - windowMs) return 'not resumed in time';
    const username = parseUsername(actor);
    if ((await users.settings(call, username)) === null) return 'the user was removed';
    const wanted = sealedAs(await users.uploadEncryption(call, username));
    return isDeepStrictEqual(wanted, sealedWith) ? null : 'the encryption of the user has changed';
  }

  #show(upload: ParkedUpload): void {
    const { bucket, key } = upload.ref;
    const hide = this.#services.open.add(bucket, key, new ParkedFile(upload));
    this.#byName.set(nameOf(upload.ref), { upload, hide });
  }
}

/** A parked upload shown as a file. */
class ParkedFile implements OpenUpload {
  readonly #size: number;
  readonly #mtimeSeconds: number;

  constructor(upload: ParkedUpload) {
    this.#size = parkedBytes(upload);
    this.#mtimeSeconds = upload.mtimeSeconds ?? Math.floor(upload.parkedMs / 1000);
  }

  attributes() {
    return fileAttributes(this.#size, this.#mtimeSeconds);
  }

  /** Returns null: a parked upload is resumed with `ParkedFiles.claim`. */
  handOver(): null {
    return null;
  }

  /** Ignores modes. Throws `unsupported` for another size or time, which the resumed upload sets. */
  async setAttributes(_call: Call, { size, mtimeSeconds }: AttributeChange): Promise<void> {
    const isSame = mtimeSeconds === undefined || mtimeSeconds === this.#mtimeSeconds;
    if (isSame && (size === undefined || size === this.#size)) return;
    throw new Fault('unsupported', 'the file is not completely uploaded yet: resume it, or upload it again');
  }
}

/** Returns a unique name, because bucket names contain no slash. */
function nameOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key}`;
}
