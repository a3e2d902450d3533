import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { UnusedKeyProof } from './ledger.js';

/**
 * `active` keys may be written with; `retired` ones only open what they sealed; of `destroyed` ones nothing is left but the
 * description.
 */
export type KeyState = 'active' | 'retired' | 'destroyed';

/** Where a key came from: made here, handed in by a person, or found in a raw key file (`sse.key`, `sse-sync.key`). */
export type KeyOrigin = 'generated' | 'imported' | 'found';

/** Whose key it is: an SFTP user's, the shared directory's, or nobody's in particular. */
export type KeyOwner =
  | { readonly kind: 'user'; readonly username: string }
  | { readonly kind: 'shared' }
  | { readonly kind: 'none' };

/** What is known of a key without opening it. None of it reveals the key. */
export interface KeyDescription {
  readonly id: KeyFingerprint;
  /** What S3 echoes as x-amz-server-side-encryption-customer-key-MD5. */
  readonly md5Base64: string;
  /** For people; may be empty, need not be unique. */
  readonly label: string;
  readonly owner: KeyOwner;
  readonly origin: KeyOrigin;
  readonly createdMs: number;
  readonly state: KeyState;
  /** When the state last changed; null for a key that has been active all its life. */
  readonly stateChangedMs: number | null;
  /** True when its file is sealed to every present recovery recipient, and there is one. */
  readonly isRecoverable: boolean;
}

export interface NewKey {
  readonly label: string;
  readonly owner: KeyOwner;
}

/**
 * Custody of SSE-C keys: one sealed file a key. What a method changed is durable when it resolves. Changes by another process
 * are seen at the next call. Faults: `denied`, `unavailable` (the directory, a file), `corrupt` (a sealed file or a description that
 * cannot be read, by path), `key-missing` (the gateway's own identity is not there, or is another's).
 */
export interface Keyring {
  /** A new key of the system's entropy, active. */
  mint(key: NewKey): Promise<KeyDescription>;
  /**
   * Takes a key in. One that is there already keeps what is known of it (an owner of kind `none` and an empty label are filled
   * in); a destroyed one throws `conflict`.
   */
  import(key: CustomerKey, as: NewKey & { readonly origin: KeyOrigin }): Promise<KeyDescription>;
  /** The key itself. Null when it is not in the keyring, or destroyed. */
  open(id: KeyFingerprint): Promise<CustomerKey | null>;
  /** Null when it is not in the keyring. */
  describe(id: KeyFingerprint): Promise<KeyDescription | null>;
  /** All of them, the oldest first. A file that cannot be read throws nothing here: see `problems`. */
  list(): Promise<readonly KeyDescription[]>;
  /** Throws `not-found`; a retired key stays as it is. */
  retire(id: KeyFingerprint): Promise<void>;
  /** Removes the key for ever; its description stays. The proof says that no object version needs it. Throws `not-found`. */
  destroy(proof: UnusedKeyProof): Promise<void>;
}

/** What is wrong with a keyring, without stopping its use: apart from `Keyring`, for who looks after it. */
export interface KeyringCustody {
  /** The age recipients (`age1...`) that every key is sealed to besides the gateway's own identity. */
  recoveryRecipients(): Promise<readonly string[]>;
  /** Seals every key to this recipient too, and every later one. Throws `invalid` for what is no recipient. */
  addRecoveryRecipient(recipient: string): Promise<void>;
  /** A sentence for each file that is damaged, open to others, or sealed to other recipients than the present ones. */
  problems(): Promise<readonly string[]>;
}
