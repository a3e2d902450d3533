import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { KeyLedger, LedgerDirectory } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { UserDirectory, UserSettings } from '../../model/users.js';
import type { UploadTarget, Vault } from '../../vault/vault.js';
import { ObjectLocation } from '../objects/location.js';
import type { ObjectPrefix, ObjectServices } from '../objects/prefix.js';
import type { BrokenUploads } from './broken-uploads.js';
import type { OpenUploads } from './open-uploads.js';

/** What all sessions of the process share. */
export interface UploadServices extends ObjectServices {
  readonly users: Pick<UserDirectory, 'uploadEncryption' | 'uploadKeys'>;
  readonly vault: Vault;
  readonly ledger: LedgerDirectory & Pick<KeyLedger, 'recordMtime'>;
  readonly clock: Clock;
  readonly open: OpenUploads;
  readonly broken: BrokenUploads;
  /** The most objects that a directory may have to be renamed. */
  readonly renameLimit: number;
}

/** What one user's `/uploads` works with. */
export class UploadContext implements ObjectPrefix {
  readonly services: UploadServices;
  readonly settings: UserSettings;
  readonly location: ObjectLocation;

  constructor(point: string, services: UploadServices, settings: UserSettings) {
    this.services = services;
    this.settings = settings;
    this.location = new ObjectLocation(point, settings.uploadBucket, settings.uploadPrefix);
  }

  get actor(): string {
    return this.settings.username;
  }

  /** The keys that may open what this user has uploaded, the current one first. */
  keys(call: Call): Promise<readonly CustomerKey[]> {
    return this.services.users.uploadKeys(call, this.settings.username);
  }

  /** How an object of this user is to rest from now on. */
  async target(call: Call, ref: ObjectRef, mtimeSeconds: number | null): Promise<UploadTarget> {
    const encryption = await this.services.users.uploadEncryption(call, this.settings.username);
    return { ref, encryption, acl: this.settings.acl, actor: this.actor, mtimeSeconds };
  }

  /** Why nothing can be done yet with what is at this path: `conflict`. `what` completes "it can be ...". Null when it is not on its way. */
  unfinished(path: string, what: string): Fault | null {
    const { open, broken } = this.services;
    const ref = this.location.file(path);
    if (open.find(ref.bucket, ref.key) === null) return null;
    const shown = this.location.shown(path);
    const hint = broken.has(ref)
      ? `the upload of ${shown} was broken off: resume it, upload it anew, or remove it`
      : `${shown} is still being uploaded: it can be ${what} after that`;
    return new Fault('conflict', hint);
  }
}
