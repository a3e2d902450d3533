import type { Call } from './call.js';
import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { CannedAcl, EncryptionOption, WriteEncryption } from './encryption.js';
import { Fault } from './fault.js';

declare const usernameBrand: unique symbol;
export type Username = string & { readonly [usernameBrand]: true };

/** 1 to 32 characters: letters and digits, and `_`, `-`, `.` inside. Throws `invalid` with the rule. */
export function parseUsername(text: string): Username {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,30}[A-Za-z0-9])?$/.test(text) || text.includes('..')) {
    throw new Fault(
      'invalid',
      `the user name ${JSON.stringify(text.slice(0, 64))} is not allowed: 1 to 32 letters and digits, with "_", "-" and single "." inside`,
    );
  }
  return text as Username;
}

/** Whether a directory shows a copy on disk that is kept the same, or what S3 holds at each request. */
export type DownloadsMode = 'mirror' | 'direct';

/** What a user's files say, resolved against the global settings. */
export interface UserSettings {
  readonly username: Username;
  /** Where `/uploads` is: the key of `/uploads/a` is `uploadPrefix + 'a'`; the prefix ends with `/`. */
  readonly uploadBucket: string;
  readonly uploadPrefix: string;
  readonly uploadOption: EncryptionOption;
  readonly acl: CannedAcl | null;
  /** Write-only `/uploads`. */
  readonly dropbox: boolean;
  /** `/downloads` and `/shared` are shown. */
  readonly downloads: boolean;
  readonly shared: boolean;
  readonly downloadsMode: DownloadsMode;
  /** The user may remove files of `/downloads`, and with them their objects. */
  readonly downloadsDelete: boolean;
  /** Where `/downloads` is, in the bucket of the uploads; ends with `/`. */
  readonly downloadsPrefix: string;
  /** Directory on disk behind `/local`, absolute; likewise those of `/downloads` and `/shared`. */
  readonly localDirectory: string;
  readonly downloadsDirectory: string;
  readonly sharedDirectory: string;
}

export type Credential =
  | { readonly kind: 'password'; readonly password: string }
  /** `blob` is the public key in SSH wire form (RFC 4253 section 6.6). The door has verified the signature, or will. */
  | { readonly kind: 'public-key'; readonly algorithm: string; readonly blob: Uint8Array };

/** What a door needs of the users. Reads the files afresh when they changed; no restart. */
export interface UserDirectory {
  /**
   * True when the credential opens this account from this address. An unknown user takes as long as a wrong
   * password. Never throws for bad input; trouble with the files is logged and answers false.
   */
  verify(call: Call, username: string, credential: Credential, remoteAddress: string): Promise<boolean>;
  /** Null for an unknown user. When a file is wrong, the last good settings of this process, else throws `invalid` naming file and line. */
  settings(call: Call, username: Username): Promise<UserSettings | null>;
  /**
   * What uploads of this user are sent with, now. For option 3 the keyring's key that the settings name, else that of `sse.key`.
   * Throws `key-missing` (neither is there), `invalid` (not 32 bytes), `conflict` (a retired key), each naming the file, and `denied`
   * (`sse-c.require.recovery`).
   */
  uploadEncryption(call: Call, username: Username): Promise<WriteEncryption>;
  /** Every key that this user's uploads may rest under, the current one first. */
  uploadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]>;
  /** Every key that may open this user's downloads, the likeliest first. Faults as `KeyFiles.loadAll`. */
  downloadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]>;
}

/** The answers of `addsftpuser`. Undefined leaves what an existing user has. */
export interface UserChange {
  readonly publicKeys?: readonly string[];
  readonly password?: string;
  readonly uploadOption?: EncryptionOption;
  readonly kmsKeyArn?: string;
  /** Goes into the keyring and into `sse.key`; a key that was named before is not any more. */
  readonly uploadKey?: CustomerKey;
  /** Where `uploadKey` comes from; a person unless said. */
  readonly uploadKeyOrigin?: 'generated' | 'imported';
  /** A key of the keyring, active, the user's own or nobody's: uploads rest under it from now on, instead of that of `sse.key`. */
  readonly uploadKeyId?: KeyFingerprint;
  readonly syncOption?: EncryptionOption;
  /** Likewise for what is put into the user's downloads. */
  readonly syncKeyId?: KeyFingerprint;
  readonly uploadBucket?: string;
  readonly uploadPrefix?: string;
  readonly acl?: CannedAcl;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

export interface UserSummary {
  readonly username: Username;
  readonly uploadOption: EncryptionOption;
  readonly uploadBucket: string;
  readonly uploadPrefix: string;
  /** The key that uploads rest under with option 3: the one that the settings name, else that of `sse.key`. Null when there is none. */
  readonly uploadKeyFingerprint: string | null;
  /** Likewise of downloads: what is put there through the gateway. */
  readonly syncOption: EncryptionOption | null;
  readonly syncKeyFingerprint: string | null;
  readonly publicKeyCount: number;
  readonly hasPassword: boolean;
  readonly downloads: boolean;
  readonly shared: boolean;
  /** What is wrong with the user's files, a sentence each. */
  readonly problems?: readonly string[];
}

/** What an administrator needs of the users. Every change is written atomically and synced. */
export interface UserRegistry {
  /** Makes the user, or amends an existing one. Answers which. A replaced `sse.key` is kept beside it, never overwritten. */
  save(username: Username, change: UserChange): Promise<'created' | 'amended'>;
  /** Null for an unknown user. */
  describe(username: Username): Promise<UserSummary | null>;
  list(): Promise<readonly UserSummary[]>;
  /**
   * Takes the account away; keys and local files move to a kept directory, whose path is answered. The keyring keeps the keys. Null for
   * an unknown user.
   */
  remove(username: Username): Promise<string | null>;
}

/** What is to change of the shared directory; undefined leaves what is there. */
export interface SharedChange {
  readonly syncOption?: EncryptionOption;
  /** A key of the keyring, active, the shared directory's or nobody's: instead of that of `sse-sync.key`. */
  readonly syncKeyId?: KeyFingerprint;
}

export interface SharedSummary {
  readonly syncOption: EncryptionOption | null;
  /** The key of what is put there through the gateway with option 3; null when there is none. */
  readonly syncKeyFingerprint: string | null;
  readonly problems: readonly string[];
}

/** The shared directory's settings, `ROOT/root/.sftpgateway/user.properties`. Every change is written atomically and synced. */
export interface SharedRegistry {
  save(change: SharedChange): Promise<void>;
  describe(): Promise<SharedSummary>;
}
