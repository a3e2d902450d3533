import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import type { KeyState } from '../model/keyring.js';
import type { ObjectRef } from '../model/object-store.js';

/** Description of a key for the user. */
export interface NamedKey {
  readonly id: KeyFingerprint;
  /** May be empty. */
  readonly label: string;
  readonly state: KeyState;
}

/** All available keys, from key files and the keyring. */
export interface EncryptionKeys {
  /** Returns all keys in no particular order. */
  all(): Promise<readonly CustomerKey[]>;
  /** Returns all keys that may open the object. The keys of the owner of its location come first. */
  keysFor(ref: ObjectRef): Promise<readonly CustomerKey[]>;
  /** Returns null for an unknown key. */
  describe(id: KeyFingerprint): Promise<NamedKey | null>;
  /** Returns the key itself. Null if it is not available. */
  open(id: KeyFingerprint): Promise<CustomerKey | null>;
  /** Returns the keys whose fingerprint begins with this text. */
  beginningWith(text: string): Promise<readonly NamedKey[]>;
}
