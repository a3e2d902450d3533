import type { Call } from './call.js';
import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { CannedAcl, EncryptionOption, WriteEncryption } from './encryption.js';
import { Fault } from './fault.js';

declare const usernameBrand: unique symbol;
export type Username = string & { readonly [usernameBrand]: true };

/**
 * Parses a user name: 1 to 32 letters and digits, with `_`, `-` and `.` inside. Throws `invalid`
 * with the rule.
 */
export function parseUsername(text: string): Username {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,30}[A-Za-z0-9])?$/.test(text) || text.includes('..')) {
    throw new Fault(
      'invalid',
      `invalid user name ${JSON.stringify(text.slice(0, 64))}: expected 1 to 32 letters and digits, with "_", "-" and single "." inside`,
    );
  }
  return text as Username;
}

/** `mirror`: the directory shows a copy on disk. `direct`: each request reads S3. */
export type DownloadsMode = 'mirror' | 'direct';

/** The settings in a user's files, resolved against the global settings. */
export interface UserSettings {
  readonly username: Username;
  /**
   * The location of `/uploads`: the key of `/uploads/a` is `uploadPrefix + 'a'`. The prefix ends
   * with `/`.
   */
  readonly uploadBucket: string;
  readonly uploadPrefix: string;
  readonly uploadOption: EncryptionOption;
  readonly acl: CannedAcl | null;
  /** True if `/uploads` is write-only. */
  readonly dropbox: boolean;
  /** True if `/downloads` and `/shared` are shown. */
  readonly downloads: boolean;
  readonly shared: boolean;
  readonly downloadsMode: DownloadsMode;
  /** True if the user may remove files of `/downloads` together with their objects. */
  readonly downloadsDelete: boolean;
  /** The location of `/downloads`, in the bucket of the uploads; ends with `/`. */
  readonly downloadsPrefix: string;
  /** Absolute directories on disk behind `/local`, `/downloads` and `/shared`. */
  readonly localDirectory: string;
  readonly downloadsDirectory: string;
  readonly sharedDirectory: string;
}

/** Authentication methods of the SFTP server (RFC 4252 sections 7 and 8, RFC 4256). */
export type LoginMethod = 'publickey' | 'password' | 'keyboard-interactive';

/** `busy`: the credential was not checked, because too many others wait. The client may try again. */
export type LoginDecision = 'accepted' | 'refused' | 'busy';

/** A public key that a client offers. `blob` is its SSH wire form (RFC 4253 section 6.6). */
export interface OfferedPlainKey {
  readonly kind: 'plain';
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  readonly blob: Uint8Array;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** A certificate that a client offers (OpenSSH PROTOCOL.certkeys). */
export interface OfferedCertificate {
  readonly kind: 'certificate';
  /** The certified key. */
  readonly key: OfferedPlainKey;
  /** The key of the certificate authority. */
  readonly signatureKey: OfferedPlainKey;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
}

export type OfferedKey = OfferedPlainKey | OfferedCertificate;

/** The terms on which a key opens an account. Each is an option of an authorized_keys line (sshd(8)). */
export interface KeyTerms {
  /** `no-touch-required`: a FIDO signature without the user's touch is accepted. */
  readonly touchOptional?: boolean;
  /** `verify-required`: a FIDO signature without a PIN or a biometric check is refused. */
  readonly verificationRequired?: boolean;
  /** `principals="..."`: a certificate must contain one of them. The user name if absent. */
  readonly principals?: readonly string[];
}

/** One question of a dialogue. The client shows the answer while the user types it if `isEchoed`. */
export interface LoginPrompt {
  readonly text: string;
  readonly isEchoed: boolean;
}

/** The questions of one round. A round without prompts only shows its instruction. */
export interface LoginRound {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly LoginPrompt[];
}

/** The dialogue of one keyboard-interactive request. */
export interface LoginDialogue {
  /** Returns the questions of the first round. */
  start(): Promise<LoginRound>;
  /** Takes one answer for each prompt of the last round. Resolves to a decision or to the next round. */
  respond(answers: readonly string[]): Promise<LoginDecision | LoginRound>;
}

/**
 * The attempt of one connection to log in as one user. It does the same work for users that exist
 * and for those that do not. A promise that rejects counts as `busy` and is logged.
 */
export interface UserLogin {
  /**
   * Returns the methods that the client may try next, the preferred first, given those that
   * succeeded. An empty list means that the user is logged in. It is never empty while `passed` is.
   * The first list is the same for everyone. Called before every attempt, which the list allows.
   */
  methods(passed: readonly LoginMethod[]): readonly LoginMethod[];
  /**
   * Returns the terms on which the key may log in, or null. For a certificate, the caller checks
   * the signatures, the principals, the validity and the critical options; the implementation
   * checks that it trusts `signatureKey` for this user, and that nothing is revoked.
   */
  publicKey(key: OfferedKey): Promise<KeyTerms | null>;
  password(password: string): Promise<LoginDecision>;
  /** Returns a new dialogue. Called only if `methods` allows keyboard-interactive. */
  dialogue(): LoginDialogue;
}

/** The users as the SSH server needs them to let them in. */
export interface UserLogins {
  /**
   * Starts with the first request of a connection. `username` is the client's text; such a user may
   * not exist. `call.signal` aborts if the connection ends before a login. Never rejects for an
   * unknown user.
   */
  begin(call: Call, username: string, remoteAddress: string): Promise<UserLogin>;
}

/** The users as the SFTP server needs them. Changed files are read again, without a restart. */
export interface UserDirectory {
  /**
   * Returns null for an unknown user. If a file is invalid, returns the last valid settings of this
   * process, or throws `invalid` with file and line.
   */
  settings(call: Call, username: Username): Promise<UserSettings | null>;
  /**
   * Returns the present encryption of this user's uploads. Option 3 takes the keyring's key in the
   * settings, or else the key in `sse.key`. Throws `key-missing` (there is neither), `invalid` (not
   * 32 bytes) and `conflict` (a retired key), each naming the file, and `denied`
   * (`sse-c.require.recovery`).
   */
  uploadEncryption(call: Call, username: Username): Promise<WriteEncryption>;
  /** Returns every key that may have encrypted this user's uploads, the current one first. */
  uploadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]>;
  /**
   * Returns every key that may open this user's downloads, the likeliest first. Faults: as
   * `KeyFiles.loadAll`.
   */
  downloadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]>;
}

/** The answers of `addsftpuser`. Undefined keeps the value of an existing user. */
export interface UserChange {
  readonly publicKeys?: readonly string[];
  readonly password?: string;
  /** Such as `publickey,keyboard-interactive`: sequences of methods, separated by blanks. */
  readonly loginMethods?: string;
  readonly uploadOption?: EncryptionOption;
  readonly kmsKeyArn?: string;
  /**
   * Is stored in the keyring and in `sse.key`. A key that the settings named before is not named
   * any more.
   */
  readonly uploadKey?: CustomerKey;
  /** Origin of `uploadKey`; `imported` by default. */
  readonly uploadKeyOrigin?: 'generated' | 'imported';
  /**
   * An active key of the keyring, with this user or none as its owner. From now on it encrypts
   * the uploads, instead of the key in `sse.key`.
   */
  readonly uploadKeyId?: KeyFingerprint;
  readonly syncOption?: EncryptionOption;
  /** The same for objects that are put into the user's downloads. */
  readonly syncKeyId?: KeyFingerprint;
  readonly uploadBucket?: string;
  readonly uploadPrefix?: string;
  readonly acl?: CannedAcl;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

/** A key of a user's authorized_keys. */
export interface PublicKeySummary {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly comment: string;
  /** True for the key of a certificate authority. */
  readonly isAuthority: boolean;
}

export interface UserSummary {
  readonly username: Username;
  readonly uploadOption: EncryptionOption;
  readonly uploadBucket: string;
  readonly uploadPrefix: string;
  /**
   * The key of uploads with option 3: the one in the settings, or else the one in `sse.key`. Null
   * if there is none.
   */
  readonly uploadKeyFingerprint: string | null;
  /** The same for objects that the gateway puts into the downloads. */
  readonly syncOption: EncryptionOption | null;
  readonly syncKeyFingerprint: string | null;
  /** Keys that may log in, without those of authorities. */
  readonly publicKeyCount: number;
  readonly publicKeys: readonly PublicKeySummary[];
  readonly hasPassword: boolean;
  /** Sequences of methods, as `login.methods` has them. */
  readonly loginMethods: string;
  /** True if the user must give TOTP codes. */
  readonly hasTotp: boolean;
  /** False if the keys, the password and TOTP of the user do not fulfil any sequence. */
  readonly canLogIn: boolean;
  readonly downloads: boolean;
  readonly shared: boolean;
  /** Problems in the user's files, one sentence each. */
  readonly problems?: readonly string[];
}

/** The users as an administrator needs them. Every change is written atomically and synced. */
export interface UserRegistry {
  /** Creates or amends a user, and returns which. A replaced `sse.key` is kept beside the new one. */
  save(username: Username, change: UserChange): Promise<'created' | 'amended'>;
  /** Returns null for an unknown user. */
  describe(username: Username): Promise<UserSummary | null>;
  list(): Promise<readonly UserSummary[]>;
  /**
   * Removes the account, moves its keys and local files to another directory and returns its path.
   * The keyring keeps the keys. Returns null for an unknown user.
   */
  remove(username: Username): Promise<string | null>;
  /**
   * Gives the user a new TOTP secret, from now on required with each password. Returns the
   * `otpauth:` URI, which contains the secret and names `host`. Returns null for an unknown user.
   */
  createTotp(username: Username, host: string): Promise<string | null>;
  /** Returns whether the code is right now. Throws `not-found` if the user or the secret is missing. */
  checkTotp(username: Username, code: string): Promise<boolean>;
  /** Returns false if the user had no TOTP, and null for an unknown user. */
  removeTotp(username: Username): Promise<boolean | null>;
}

/** A change to the shared directory. Undefined keeps the present value. */
export interface SharedChange {
  readonly syncOption?: EncryptionOption;
  /**
   * An active key of the keyring, with the shared directory or none as its owner, instead of the
   * key in `sse-sync.key`.
   */
  readonly syncKeyId?: KeyFingerprint;
}

export interface SharedSummary {
  readonly syncOption: EncryptionOption | null;
  /** The key for objects that the gateway puts there with option 3; null if there is none. */
  readonly syncKeyFingerprint: string | null;
  readonly problems: readonly string[];
}

/**
 * The shared directory's settings, `ROOT/root/.sftpgateway/user.properties`. Every change is
 * written atomically and synced.
 */
export interface SharedRegistry {
  save(change: SharedChange): Promise<void>;
  describe(): Promise<SharedSummary>;
}
