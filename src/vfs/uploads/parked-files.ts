import { isDeepStrictEqual } from 'node:util';
import { type Call, type Clock, uncancellable } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import type { ObjectRef, ObjectStore } from '../../model/object-store.js';
import {
  type NodeUploads,
  type ParkedUpload,
  type ParkedUploads,
  parkedBytes,
  shownRef,
  type UploadName,
} from '../../model/parked-uploads.js';
import { parseUsername, type UserDirectory } from '../../model/users.js';
import type { AttributeChange } from '../../model/vfs.js';
import { sealedWith as sealedAs } from '../../vault/sealed-with.js';
import type { Vault } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { OpenUpload, OpenUploads } from './open-uploads.js';

/** Services that the parked uploads need. */
export interface ParkedFilesServices {
  readonly vault: Pick<Vault, 'abortParked'>;
  readonly parked: Pick<ParkedUploads, 'ownParked' | 'setMtime'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly clock: Clock;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly open: OpenUploads;
  /** The uploads of other nodes; null if there are none. */
  readonly nodes: NodeUploads | null;
  /** Time that parked uploads are kept; 0 disables parking. */
  readonly windowMs: number;
  /** True if listings contain parked uploads. */
  readonly listsParked: boolean;
}

/**
 * Min time in milliseconds that a complete upload under an excluded name is kept, even if interrupted uploads
 * are kept for less.
 */
const minHeldMs = 24 * 60 * 60 * 1000;
/** Max times that a name is read from the database because this node changed it meanwhile. */
const maxReadings = 3;

/**
 * Parked uploads by the key that clients see. STAT shows them as files with the number of bytes stored in S3. Listings
 * contain the complete ones, and the others if the settings list them: a program that lists a directory could take one
 * for a complete file.
 */
export class ParkedFiles {
  readonly #services: ParkedFilesServices;
  readonly #byName = new Map<string, { readonly file: ParkedFile; readonly hide: () => void }>();

  /** Changes with each upload that is shown or hidden. */
  #version = 0;

  constructor(services: ParkedFilesServices) {
    this.#services = services;
  }

  get isEnabled(): boolean {
    return this.#services.windowMs > 0;
  }

  /** Shows the uploads that an earlier run parked. Must be called before the first client connects. */
  async restore(): Promise<void> {
    for (const upload of await this.#services.parked.ownParked()) {
      if (!this.has(shownRef(upload))) this.#show(upload);
    }
  }

  /**
   * Shows an upload of a node that has ended, as `park` does. If this node has one of the same name, keeps the later
   * one and aborts the other.
   */
  async adopt(call: Call, upload: ParkedUpload): Promise<void> {
    const present = this.#byName.get(nameOf(shownRef(upload)))?.file.upload;
    if (present?.id === upload.id) return;
    if (present !== undefined && present.parkedMs > upload.parkedMs) await this.#discard(call, upload);
    else await this.park(call, upload);
  }

  /**
   * Shows a newly parked upload until it is resumed or aborted. If an object of that name exists, aborts the
   * upload instead, because the upload would hide the complete object. A complete upload is kept anyway.
   */
  async park(call: Call, upload: ParkedUpload): Promise<void> {
    const shown = shownRef(upload);
    if (!upload.isComplete && (await this.#isObject(call, shown))) {
      await this.#discard(call, upload);
      return;
    }
    const earlier = this.claim(shown);
    // Another session may have found it in the database already.
    if (earlier !== null && earlier.id !== upload.id) await this.#discard(call, earlier);
    this.#show(upload);
  }

  /**
   * Makes this node show the upload that is parked under a name, whichever node has parked it. With `mayRelease`, an
   * upload in progress whose client is silent is parked first. Does nothing with one gateway. Throws the
   * database's faults.
   */
  async refresh(call: Call, name: UploadName, mayRelease = false): Promise<void> {
    const { nodes, open } = this.#services;
    if (nodes === null) return;
    const { shown } = name;
    for (let attempt = 0; attempt < maxReadings; attempt += 1) {
      if (!this.has(shown) && open.find(shown.bucket, shown.key) !== null) return;
      const version = this.#version;
      const found = await nodes.find(name);
      if (mayRelease && found.isElsewhere && found.parked === null && attempt === 0) {
        await nodes.release(call, name);
        continue;
      }
      // Otherwise a session of this node has changed it meanwhile.
      if (version !== this.#version) continue;
      this.#replace(shown, found.parked);
      return;
    }
  }

  /** Does the same for all names directly below a prefix. */
  async refreshBelow(bucket: string, prefix: string): Promise<void> {
    const { nodes, open } = this.#services;
    if (nodes === null) return;
    const version = this.#version;
    const uploads = await nodes.parkedBelow(bucket, prefix);
    await this.hideResumed(bucket, prefix);
    if (version !== this.#version && uploads.length === 0) return;
    for (const upload of uploads) {
      const shown = shownRef(upload);
      if (this.has(shown) || open.find(shown.bucket, shown.key) === null) this.#replace(shown, upload);
    }
  }

  /** Hides the uploads below a prefix that another node has resumed or aborted. */
  async hideResumed(bucket: string, prefix: string): Promise<void> {
    const { nodes } = this.#services;
    if (nodes === null) return;
    const start = nameOf({ bucket, key: prefix });
    const below = [...this.#byName].filter(([name]) => name.startsWith(start));
    if (below.length === 0) return;
    const parked = await nodes.stillParked(below.map(([, { file }]) => file.upload.id));
    for (const [name, { file }] of below) {
      if (!parked.has(file.upload.id) && this.#byName.get(name)?.file === file)
        this.claim(shownRef(file.upload));
    }
  }

  /**
   * Parks the upload in progress of a user whose client is silent, so that another node can resume it. Returns false
   * if there is none.
   */
  async release(call: Call, { bucket, key }: ObjectRef, actor: string): Promise<boolean> {
    const handed = this.#services.open.find(bucket, key)?.handOver(actor) ?? null;
    if (handed === null) return false;
    const { writer } = handed;
    call.log.info('parking an upload from a silent connection for another node', { bucket, key });
    const parked = await writer.park();
    if (parked === null) await writer[Symbol.asyncDispose]();
    else await this.park(uncancellable(call), parked);
    return true;
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

  /** Returns the complete upload that waits for its name, or null. */
  held(ref: ObjectRef): ParkedUpload | null {
    const upload = this.#byName.get(nameOf(ref))?.file.upload;
    return upload?.isComplete === true ? upload : null;
  }

  /** Removes and returns a parked upload for its resumer, or null if there is none. */
  claim(ref: ObjectRef): ParkedUpload | null {
    const name = nameOf(ref);
    const found = this.#byName.get(name);
    if (found === undefined) return null;
    this.#byName.delete(name);
    this.#version += 1;
    found.hide();
    return found.file.upload;
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
    for (const { file } of [...this.#byName.values()]) {
      const { upload } = file;
      const { bucket, key } = upload.ref;
      try {
        const reason = await this.#reasonToAbort(call, upload);
        const shown = shownRef(upload);
        if (reason === null || this.#byName.get(nameOf(shown))?.file !== file) continue;
        await this.abort(call, shown);
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

  async #reasonToAbort(
    call: Call,
    { actor, parkedMs, sealedWith, isComplete }: ParkedUpload,
  ): Promise<string | null> {
    const { clock, windowMs, users } = this.#services;
    const keptMs = isComplete ? Math.max(windowMs, minHeldMs) : windowMs;
    if (parkedMs <= clock.nowMs() - keptMs) return isComplete ? 'not renamed in time' : 'not resumed in time';
    const username = parseUsername(actor);
    if ((await users.settings(call, username)) === null) return 'the user was removed';
    const wanted = sealedAs(await users.uploadEncryption(call, username));
    return isDeepStrictEqual(wanted, sealedWith) ? null : 'the encryption of the user has changed';
  }

  #replace(shown: ObjectRef, upload: ParkedUpload | null): void {
    const present = this.#byName.get(nameOf(shown))?.file.upload ?? null;
    if (isDeepStrictEqual(present, upload)) return;
    if (present !== null) this.claim(shown);
    if (upload !== null) this.#show(upload);
  }

  #show(upload: ParkedUpload): void {
    this.#version += 1;
    const shown = shownRef(upload);
    const file = new ParkedFile(upload, this.#services);
    const hide = this.#services.open.add(shown.bucket, shown.key, file);
    this.#byName.set(nameOf(shown), { file, hide });
  }
}

/** A parked upload shown as a file. */
class ParkedFile implements OpenUpload {
  readonly #services: Pick<ParkedFilesServices, 'parked' | 'listsParked'>;
  #upload: ParkedUpload;

  readonly keepsObject = false;
  readonly session = null;

  constructor(upload: ParkedUpload, services: Pick<ParkedFilesServices, 'parked' | 'listsParked'>) {
    this.#upload = upload;
    this.#services = services;
  }

  get upload(): ParkedUpload {
    return this.#upload;
  }

  readonly isEdit = false;

  async follow(): Promise<void> {}

  get isListed(): boolean {
    return this.#upload.isComplete || this.#services.listsParked;
  }

  attributes() {
    const { mtimeSeconds, parkedMs } = this.#upload;
    return fileAttributes(parkedBytes(this.#upload), mtimeSeconds ?? Math.floor(parkedMs / 1000));
  }

  /** Returns null: a parked upload is resumed with `ParkedFiles.claim`. */
  handOver(): null {
    return null;
  }

  /**
   * Ignores modes. Records the time of a complete upload. Throws `unsupported` for another size, and for
   * another time of an interrupted upload, which the resumed upload sets.
   */
  async setAttributes(_call: Call, { size, mtimeSeconds }: AttributeChange): Promise<void> {
    const { isComplete, id } = this.#upload;
    const present = this.attributes();
    const isSameTime = mtimeSeconds === undefined || mtimeSeconds === present.mtimeSeconds;
    if ((!isSameTime && !isComplete) || (size !== undefined && size !== present.size))
      throw new Fault(
        'unsupported',
        'the file is not completely uploaded yet: resume it, or upload it again',
      );
    if (mtimeSeconds === undefined || isSameTime) return;
    if (await this.#services.parked.setMtime(id, mtimeSeconds))
      this.#upload = { ...this.#upload, mtimeSeconds };
  }
}

/** Returns a unique name, because bucket names contain no slash. */
function nameOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key}`;
}
