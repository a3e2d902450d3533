import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { KeyLedger, LedgerDirectory, LedgerVersions } from '../../model/ledger.js';
import { isSameEtag, type ObjectRef } from '../../model/object-store.js';
import type { UploadName } from '../../model/parked-uploads.js';
import type { UserDirectory, UserSettings } from '../../model/users.js';
import { sealedAsReported } from '../../vault/sealed-with.js';
import type { UploadTarget, Vault } from '../../vault/vault.js';
import { ObjectLocation } from '../objects/location.js';
import type { ObjectLookupServices, ObjectPrefix } from '../objects/prefix.js';
import { ExcludedNames } from './exclusions.js';
import type { OpenUploads } from './open-uploads.js';
import type { ParkedFiles } from './parked-files.js';

/** Services that all sessions of the process share. */
export interface UploadMountServices extends ObjectLookupServices {
  readonly users: Pick<UserDirectory, 'uploadEncryption' | 'uploadKeys'>;
  readonly vault: Vault;
  readonly ledger: LedgerDirectory & Pick<KeyLedger, 'recordMtime'>;
  /** Adds rows for objects of other clients. */
  readonly versions: Pick<LedgerVersions, 'restore'>;
  readonly clock: Clock;
  readonly open: OpenUploads;
  readonly parkedFiles: ParkedFiles;
  /** Max objects of a directory that can be renamed. */
  readonly renameLimit: number;
}

/** Services, settings and location of one user's `/uploads`. */
export class UploadContext implements ObjectPrefix {
  readonly services: UploadMountServices;
  readonly settings: UserSettings;
  readonly location: ObjectLocation;
  readonly excluded: ExcludedNames;
  readonly ledgerHasTimes = true;

  constructor(point: string, services: UploadMountServices, settings: UserSettings) {
    this.services = services;
    this.settings = settings;
    this.location = new ObjectLocation(point, settings.uploadBucket, settings.uploadPrefix);
    this.excluded = new ExcludedNames(settings.uploadExclusions);
  }

  get actor(): string {
    return this.settings.username;
  }

  /** Returns the keys that may open the user's uploads, the current one first. */
  keys(call: Call): Promise<readonly CustomerKey[]> {
    return this.services.users.uploadKeys(call, this.settings.username);
  }

  /** Returns the locations that an upload to a path has. */
  uploadName(path: string): UploadName {
    const shown = this.location.file(path);
    const final = this.excluded.finalPath(path);
    return { shown, stored: final === null ? shown : this.location.file(final), actor: this.actor };
  }

  /** Returns the target of an upload with the user's current encryption. */
  async target(call: Call, ref: ObjectRef, mtimeSeconds: number | null): Promise<UploadTarget> {
    const encryption = await this.services.users.uploadEncryption(call, this.settings.username);
    return { ref, encryption, acl: this.settings.acl, actor: this.actor, mtimeSeconds };
  }

  /** Returns the target of a new file. A file with an excluded name gets its object under the final name. */
  async newTarget(call: Call, path: string, mtimeSeconds: number | null): Promise<UploadTarget> {
    const { shown, stored } = this.uploadName(path);
    const target = await this.target(call, stored, mtimeSeconds);
    return shown.key === stored.key ? target : { ...target, shownKey: shown.key };
  }

  /**
   * Stores the time of an object with this ETag in the ledger. An object of another client has no row there
   * yet, so it gets one. Throws `not-found`, `conflict` if the object was replaced, and `key-missing` or
   * `key-mismatch` if no key opens an object without a row.
   */
  async setTime(call: Call, path: string, etag: string, mtimeSeconds: number): Promise<void> {
    const { ledger, vault, versions, clock } = this.services;
    const ref = this.location.file(path);
    if (await ledger.recordMtime(ref, etag, mtimeSeconds)) return;
    const shown = this.location.shown(path);
    const listedMs = clock.nowMs();
    const keys = await this.keys(call);
    const found = await vault.describe(call, ref, keys);
    if (found === null) throw new Fault('not-found', `${shown} does not exist`);
    const sealed = sealedAsReported(found.info.encryption, keys);
    if (sealed !== null && isSameEtag(found.info.etag, etag)) {
      const row = { ...found.info, ref, isLatest: true, sealedWith: sealed, mtimeSeconds, listedMs };
      await versions.restore([row], this.actor);
      if (await ledger.recordMtime(ref, etag, mtimeSeconds)) return;
    }
    throw new Fault('conflict', `${shown} was changed by another client meanwhile: its time was not stored`);
  }

  /** Returns `conflict` if the path is being uploaded, else null. `what` completes "it can be ...". */
  uploadConflict(path: string, what: string): Fault | null {
    const { open, parkedFiles } = this.services;
    const ref = this.location.file(path);
    if (open.find(ref.bucket, ref.key) === null) return null;
    const shown = this.location.shown(path);
    if (parkedFiles.held(ref) !== null)
      return new Fault('conflict', `${shown} can be ${what} once it is renamed to its final name`);
    const hint = parkedFiles.has(ref)
      ? `the upload of ${shown} was interrupted: resume it, upload it again, or remove it`
      : `${shown} is still being uploaded: it can be ${what} once the upload is complete`;
    return new Fault('conflict', hint);
  }
}
