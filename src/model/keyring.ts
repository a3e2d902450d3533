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
  generate(key: NewKey): Promise<KeyDescription>;
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

/** Looking after a keyring: apart from `Keyring`, whose users only need keys. */
export interface KeyringCustody {
  /** What the gateway's own identity is known by, null before the first key. Throws `corrupt` for an identity file that holds none. */
  gatewayRecipient(): Promise<string | null>;
  /** The age recipients (`age1...`) that every key is sealed to besides the gateway's own identity. */
  recoveryRecipients(): Promise<readonly string[]>;
  /**
   * Seals every key to this recipient too, and every later one. A crash in between is made up for by `repair`. A key that the gateway
   * cannot open stays as it is: see `problems`. Throws `invalid` for what is no recipient.
   */
  addRecoveryRecipient(recipient: string): Promise<void>;
  /**
   * Finishes what a crash left half done, and seals again what is not sealed to the present recipients. Every change of the keyring
   * does it too. Answers what it has done, a sentence each.
   */
  repair(): Promise<readonly string[]>;
  /**
   * Takes over a keyring of another machine: every key that the gateway cannot open and this age identity (`AGE-SECRET-KEY-1...`) can
   * is sealed to the gateway's own identity, which is made when there is none, and to the recovery recipients. Nothing is taken away.
   * Throws `invalid` for what is no identity.
   */
  adopt(identity: string): Promise<Adoption>;
  /** A sentence for each file that is damaged, open to others, or sealed to other recipients than the present ones. */
  problems(): Promise<readonly string[]>;
}

export interface Adoption {
  readonly adopted: readonly KeyFingerprint[];
  /** Those that neither identity opens. */
  readonly left: readonly KeyFingerprint[];
}

/** A file of the keyring as it is on disk: `KEYID.age`, `KEYID.json` or `recovery-recipients.txt`. None of them reveals a key. */
export interface SealedKeyringFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The keyring as files, for copies of it. */
export interface SealedKeyring {
  /** All of them as they are between two changes; a sealed file comes before its description. */
  files(): Promise<readonly SealedKeyringFile[]>;
  /**
   * Puts files of a copy back. One that is there already stays as it is, and so do both files of a key that is there; the names left out
   * are answered. After a crash the same call goes on. Throws `invalid`, before anything is written, for a name that a keyring does not have or a description that cannot be read.
   */
  put(files: readonly SealedKeyringFile[]): Promise<readonly string[]>;
  /**
   * Calls the listener after each durable change that this object made (not another process), outside of any lock. Answers how to stop.
   */
  onChange(listener: () => void): () => void;
}
