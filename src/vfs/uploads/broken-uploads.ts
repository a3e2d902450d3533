import { isDeepStrictEqual } from 'node:util';
import { type Call, type Clock, lasting } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { findListed } from '../../model/listing.js';
import type { ObjectRef, ObjectStore } from '../../model/object-store.js';
import { type ParkedUpload, type ParkedUploads, parkedBytes } from '../../model/parked-uploads.js';
import { parseUsername, type UserDirectory } from '../../model/users.js';
import type { AttributeChange } from '../../model/vfs.js';
import { sealedWith as sealedAs } from '../../vault/sealed-with.js';
import type { Vault } from '../../vault/vault.js';
import { fileAttributes } from '../objects/attributes.js';
import type { OpenUpload, OpenUploads } from './open-uploads.js';

export interface BrokenUploadServices {
  readonly vault: Pick<Vault, 'giveUp'>;
  readonly parked: Pick<ParkedUploads, 'parked'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly clock: Clock;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly open: OpenUploads;
  /** How long they wait for their clients; with 0 there are none. */
  readonly windowMs: number;
}

/** Uploads that were broken off and can be resumed, by where they will be. They show as files with the bytes that S3 has. */
export class BrokenUploads {
  readonly #services: BrokenUploadServices;
  readonly #byName = new Map<string, { readonly upload: ParkedUpload; readonly hide: () => void }>();

  constructor(services: BrokenUploadServices) {
    this.#services = services;
  }

  get areKept(): boolean {
    return this.#services.windowMs > 0;
  }

  /** Shows those that an earlier run has left. To be called before the first client comes. */
  async restore(): Promise<void> {
    for (const upload of await this.#services.parked.parked()) this.#show(upload);
  }

  /**
   * Shows one that has just been broken off, until it is resumed or given up. Where there is a whole object of that name already, it
   * is given up instead: the object would be hidden behind a part of its successor.
   */
  async keep(call: Call, upload: ParkedUpload): Promise<void> {
    if (await this.#isObject(call, upload.ref)) {
      await this.#takeAway(call, upload);
      return;
    }
    await this.giveUp(call, upload.ref);
    this.#show(upload);
  }

  /** False also when S3 does not say. */
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

  /** Hands it over to who resumes it; null when there is none. */
  take(ref: ObjectRef): ParkedUpload | null {
    const name = nameOf(ref);
    const found = this.#byName.get(name);
    if (found === undefined) return null;
    this.#byName.delete(name);
    found.hide();
    return found.upload;
  }

  /** Takes it away; what S3 does not let go is left to the next start. False when there was none. */
  async giveUp(call: Call, ref: ObjectRef): Promise<boolean> {
    const upload = this.take(ref);
    if (upload === null) return false;
    await this.#takeAway(call, upload);
    return true;
  }

  /** Never throws: what its callers have done is done all the same. */
  async #takeAway(call: Call, upload: ParkedUpload): Promise<void> {
    try {
      await this.#services.vault.giveUp(lasting(call), upload);
    } catch (error) {
      call.log.warn('an upload that was broken off could not be removed; the next start tries again', {
        ...upload.ref,
        error: Fault.from(error),
      });
    }
  }

  /**
   * Takes those away whose time is over, and those that cannot be resumed any more: they would hold on to a key that is to be
   * retired.
   */
  async expire(call: Call): Promise<void> {
    for (const { upload } of [...this.#byName.values()]) {
      const { bucket, key } = upload.ref;
      try {
        const reason = await this.#whyNoLonger(call, upload);
        if (reason === null || this.#byName.get(nameOf(upload.ref))?.upload !== upload) continue;
        await this.giveUp(call, upload.ref);
        call.log.info('an upload that was broken off is removed', { bucket, key, reason });
      } catch (error) {
        const fault = Fault.from(error);
        if (fault.kind === 'cancelled') throw fault;
        // A key that is not at hand, for instance, which its user hears of often enough; this comes again every minute.
        call.log.debug('an upload that was broken off could not be looked after', {
          bucket,
          key,
          error: fault,
        });
      }
    }
  }

  async #whyNoLonger(call: Call, { actor, parkedMs, sealedWith }: ParkedUpload): Promise<string | null> {
    const { clock, windowMs, users } = this.#services;
    if (parkedMs <= clock.nowMs() - windowMs) return 'it was not resumed in time';
    const username = parseUsername(actor);
    if ((await users.settings(call, username)) === null) return 'its user is gone';
    const wanted = sealedAs(await users.uploadEncryption(call, username));
    return isDeepStrictEqual(wanted, sealedWith) ? null : 'the encryption of its user has changed';
  }

  #show(upload: ParkedUpload): void {
    const { bucket, key } = upload.ref;
    const hide = this.#services.open.add(bucket, key, new BrokenUpload(upload));
    this.#byName.set(nameOf(upload.ref), { upload, hide });
  }
}

/** One of them as a file. */
class BrokenUpload implements OpenUpload {
  readonly #size: number;
  readonly #mtimeSeconds: number;

  constructor(upload: ParkedUpload) {
    this.#size = parkedBytes(upload);
    this.#mtimeSeconds = upload.mtimeSeconds ?? Math.floor(upload.parkedMs / 1000);
  }

  attributes() {
    return fileAttributes(this.#size, this.#mtimeSeconds);
  }

  /** It is taken up otherwise: see `BrokenUploads.take`. */
  handOver(): null {
    return null;
  }

  /** Times and modes are set when the file is whole. */
  async setAttributes(_call: Call, { size }: AttributeChange): Promise<void> {
    if (size === undefined || size === this.#size) return;
    throw new Fault('unsupported', 'the file is not completely uploaded yet: resume it, or upload it anew');
  }
}

/** A bucket's name has no slash. */
function nameOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key}`;
}
