import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { KeyLedger, LedgerDirectory } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { UserDirectory, UserSettings } from '../../model/users.js';
import type { UploadTarget, Vault } from '../../vault/vault.js';
import { ObjectLocation } from '../objects/location.js';
import type { ObjectLookupServices, ObjectPrefix } from '../objects/prefix.js';
import type { OpenUploads } from './open-uploads.js';
import type { ParkedFiles } from './parked-files.js';

/** Services that all sessions of the process share. */
export interface UploadMountServices extends ObjectLookupServices {
  readonly users: Pick<UserDirectory, 'uploadEncryption' | 'uploadKeys'>;
  readonly vault: Vault;
  readonly ledger: LedgerDirectory & Pick<KeyLedger, 'recordMtime'>;
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

  constructor(point: string, services: UploadMountServices, settings: UserSettings) {
    this.services = services;
    this.settings = settings;
    this.location = new ObjectLocation(point, settings.uploadBucket, settings.uploadPrefix);
  }

  get actor(): string {
    return this.settings.username;
  }

  /** Returns the keys that may open the user's uploads, the current one first. */
  keys(call: Call): Promise<readonly CustomerKey[]> {
    return this.services.users.uploadKeys(call, this.settings.username);
  }

  /** Returns the target of an upload with the user's current encryption. */
  async target(call: Call, ref: ObjectRef, mtimeSeconds: number | null): Promise<UploadTarget> {
    const encryption = await this.services.users.uploadEncryption(call, this.settings.username);
    return { ref, encryption, acl: this.settings.acl, actor: this.actor, mtimeSeconds };
  }

  /** Returns `conflict` if the path is being uploaded, else null. `what` completes "it can be ...". */
  uploadConflict(path: string, what: string): Fault | null {
    const { open, parkedFiles } = this.services;
    const ref = this.location.file(path);
    if (open.find(ref.bucket, ref.key) === null) return null;
    const shown = this.location.shown(path);
    const hint = parkedFiles.has(ref)
      ? `the upload of ${shown} was interrupted: resume it, upload it again, or remove it`
      : `${shown} is still being uploaded: it can be ${what} once the upload is complete`;
    return new Fault('conflict', hint);
  }
}
