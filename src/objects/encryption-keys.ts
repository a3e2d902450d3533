import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import type { KeyState } from '../model/keyring.js';
import type { ObjectRef } from '../model/object-store.js';

/** What a person is told of a key. */
export interface NamedKey {
  readonly id: KeyFingerprint;
  /** May be empty. */
  readonly label: string;
  readonly state: KeyState;
}

/** The keys at hand, wherever they are kept. */
export interface EncryptionKeys {
  /** In no particular order. */
  all(): Promise<readonly CustomerKey[]>;
  /** All that may open the object, the likeliest first: those of whose place it is, then the others. */
  keysFor(ref: ObjectRef): Promise<readonly CustomerKey[]>;
  /** Null for a key that nobody here knows. */
  describe(id: KeyFingerprint): Promise<NamedKey | null>;
  /** The key itself. Null when it is not at hand. */
  open(id: KeyFingerprint): Promise<CustomerKey | null>;
  /** Those whose fingerprint begins with this text. */
  beginningWith(text: string): Promise<readonly NamedKey[]>;
}
