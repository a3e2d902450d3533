import type { BucketAccess } from './bucket.js';
import type { Call } from './call.js';
import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { CannedAcl, EncryptionOption, WriteEncryption } from './encryption.js';
import { Fault } from './fault.js';
import type { UploadRights } from './users/upload-rights.js';

declare const usernameBrand: unique symbol;
export type Username = string & { readonly [usernameBrand]: true };

const plainName = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,30}[A-Za-z0-9])?$/;
const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const emailAddress = new RegExp(`^[a-z0-9](?:[a-z0-9_.+-]*[a-z0-9])?@${label}(?:\\.${label})*$`);
const domainName = /^[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?~[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?$/;
const maxQualifiedLength = 64;

/**
 * Parses the name of a user and returns the form that names the user's directories and prefixes. A plain name has 1
 * to 32 letters and digits, with `_`, `-` and `.` inside, and its case counts. An e-mail address or `DOMAIN\name` has
 * up to 64 characters. Its case does not count, and its form is in lower case, with `~` for the backslash. Throws
 * `invalid` with the rule (docs/decisions/0017-user-names.md).
 */
export function parseUsername(text: string): Username {
  const username = usernameOrNull(text);
  if (username !== null) return username;
  throw new Fault(
    'invalid',
    `invalid user name ${JSON.stringify(text.slice(0, 64))}: expected 1 to 32 letters and digits, with "_", "-" and single "." inside, an e-mail address, or DOMAIN\\name, both of up to 64 characters`,
  );
}

/** Parses the name of a user; returns null if it is invalid. */
export function usernameOrNull(text: string): Username | null {
  if (!/[@\\~]/.test(text)) return plainName.test(text) && !text.includes('..') ? (text as Username) : null;
  // Other letters than those of ASCII stay as they are, and are refused.
  const name = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace('\\', '~');
  if (name.length > maxQualifiedLength || name.includes('..')) return null;
  return emailAddress.test(name) || domainName.test(name) ? (name as Username) : null;
}

/** Returns the user whose directory has this name; null if it is not exactly the form that `parseUsername` returns. */
export function usernameOfDirectory(name: string): Username | null {
  return usernameOrNull(name) === name ? (name as Username) : null;
}

/** `mirror`: the directory shows a copy on disk. `direct`: each request reads S3. */
export type DownloadsMode = 'mirror' | 'direct';

/** The settings in a user's files, resolved against the global settings. */
export interface UserSettings {
  readonly username: Username;
  /**
   * The location of `/uploads`: the key of `/uploads/a` is `uploadPrefix + 'a'`. The prefix ends
   * with `/`, or is empty: `/uploads` is the whole bucket.
   */
  readonly uploadBucket: string;
  readonly uploadPrefix: string;
  readonly uploadOption: EncryptionOption;
  /** How the bucket is accessed; null for the gateway's own access. */
  readonly access: BucketAccess | null;
  readonly acl: CannedAcl | null;
  /** The user's rights in `/uploads`. */
  readonly uploadRights: UploadRights;
  /** The names under which uploads wait until they are renamed: suffixes and patterns. */
  readonly uploadExclusions: readonly string[];
  /** True if `/downloads` and `/shared` are shown. */
  readonly downloads: boolean;
  readonly shared: boolean;
  readonly downloadsMode: DownloadsMode;
  /** True if the user may remove files of `/downloads` together with their objects. */
  readonly downloadsDelete: boolean;
  /** The location of `/downloads`, in the bucket of the uploads; ends with `/`. */
  readonly downloadsPrefix: string;
  /** True if `/local` is shown. */
  readonly local: boolean;
  /** Max bytes, and max files and directories, in `/local`; null for no limit. */
  readonly localLimitBytes: number | null;
  readonly localFilesLimit: number | null;
  /** Absolute directories on disk behind `/local`, `/downloads` and `/shared`. */
  readonly localDirectory: string;
  readonly downloadsDirectory: string;
  readonly sharedDirectory: string;
}

/** Why an account may have no session now, whatever its credentials. */
export type AccountBar = 'removed' | 'disabled' | 'expired';

/** The accounts as the registry of sessions needs them. Changed files are read again, without a restart. */
export interface AccountBars {
  /** Returns null for an account that may have sessions, also if its files cannot be read now. */
  barOf(call: Call, username: Username): Promise<AccountBar | null>;
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
  /** Null removes the setting, and an access to the user's bucket that is not the gateway's own. */
  readonly uploadRegion?: string | null;
  readonly uploadEndpoint?: string | null;
  readonly uploadRoleArn?: string | null;
  readonly uploadRoleExternalId?: string | null;
  readonly acl?: CannedAcl;
  readonly uploadRights?: UploadRights;
  readonly uploadExclusions?: readonly string[];
  readonly downloads?: boolean;
  readonly shared?: boolean;
  /** Addresses and networks of `login.from`; null removes the setting. */
  readonly loginFrom?: string | null;
  readonly disabled?: boolean;
  /** The time from which the account is expired, in milliseconds; null for never. */
  readonly expiresMs?: number | null;
  /** Fingerprints (`SHA256:...`) of keys whose lines are removed from `authorized_keys`. */
  readonly removePublicKeys?: readonly string[];
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
  /** Null for the gateway's own access to the bucket. */
  readonly access: BucketAccess | null;
  /** `all`, `dropbox`, or the rights with commas. */
  readonly uploadRights: string;
  readonly uploadExclusions: readonly string[];
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
  /** The addresses from which the user may log in, as the settings have them; null for all. */
  readonly loginFrom: string | null;
  /** True if an administrator has disabled the account. */
  readonly disabled: boolean;
  /** The time from which the account is expired, in milliseconds; null for never. */
  readonly expiresMs: number | null;
  /** True if the user must give TOTP codes. */
  readonly hasTotp: boolean;
  /** False if the keys, the password and TOTP of the user do not fulfil any sequence. */
  readonly canLogIn: boolean;
  readonly downloads: boolean;
  readonly shared: boolean;
  /** As in `UserSettings`. */
  readonly local: boolean;
  readonly localLimitBytes: number | null;
  readonly localFilesLimit: number | null;
  /** Problems in the user's files, one sentence each. */
  readonly problems?: readonly string[];
}

/** The location of a user's objects. `uploadBucket` is empty if none is set. */
export type UserLocation = Pick<UserSummary, 'username' | 'uploadBucket' | 'uploadPrefix'>;

/** The users as an administrator needs them. Every change is written atomically and synced. */
export interface UserRegistry {
  /** Creates or amends a user, and returns which. A replaced `sse.key` is kept beside the new one. */
  save(username: Username, change: UserChange): Promise<'created' | 'amended'>;
  /** Returns null for an unknown user. */
  describe(username: Username): Promise<UserSummary | null>;
  list(): Promise<readonly UserSummary[]>;
  /** Returns where each user's objects are, and how they are encrypted. Reads only the settings of each user. */
  locations(): Promise<readonly (UserLocation & Pick<UserSummary, 'uploadOption' | 'syncOption'>)[]>;
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
