import type { Call } from '../model/call.js';
import type { CannedAcl } from '../model/encryption.js';
import { isFault } from '../model/fault.js';
import type { ObjectAcls, ObjectRef } from '../model/object-store.js';

/** Chooses the ACL for the copy of an object, because S3 does not copy ACLs. */
export class AclReader {
  readonly #store: ObjectAcls;
  readonly #setting: CannedAcl | null;
  #mayRead = true;

  /** `setting` is the ACL of the user's uploads. */
  constructor(store: ObjectAcls, setting: CannedAcl | null) {
    this.#store = store;
    this.#setting = setting;
  }

  /**
   * Returns the object's own ACL if a canned ACL grants the same. Returns the setting if none does, or if
   * ACLs may not be read. Null stands for `private`, the default of S3: a bucket with ACLs disabled accepts
   * no other header.
   */
  async of(call: Call, ref: ObjectRef): Promise<CannedAcl | null> {
    if (!this.#mayRead) return this.#setting;
    try {
      const acl = await this.#store.getAcl(call, ref);
      if (acl === null || acl === 'other') return this.#setting;
      return acl === 'private' ? null : acl;
    } catch (error) {
      if (!isFault(error, 'denied', 'unsupported', 'invalid')) throw error;
      this.#mayRead = false;
      return this.#setting;
    }
  }
}
