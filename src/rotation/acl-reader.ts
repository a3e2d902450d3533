import type { Call } from '../model/call.js';
import type { CannedAcl } from '../model/encryption.js';
import { isFault } from '../model/fault.js';
import type { ObjectAcls, ObjectRef } from '../model/object-store.js';

/** The ACL that a copy of an object is given: S3 copies none. */
export class AclReader {
  readonly #store: ObjectAcls;
  readonly #setting: CannedAcl | null;
  #mayRead = true;

  /** `setting` is what the user's uploads are sent with. */
  constructor(store: ObjectAcls, setting: CannedAcl | null) {
    this.#store = store;
    this.#setting = setting;
  }

  /**
   * The object's own where a canned one grants the same; the setting's where none does, or ACLs may not be read. Null for
   * `private`, which is what S3 gives: buckets without ACLs take no other word.
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
