import type { Call, Clock, Entropy } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { UserCredentials } from '../model/files-page.js';
import type { UserLogins } from '../model/users/logins.js';
import type { AccountBar, AccountBars, UserDirectory, Username, UserSettings } from '../model/users.js';
import { type GatewayDefaults, globalKeyFilesOf } from './defaults.js';
import { type KeySource, syncKeySource, uploadKeySource } from './key-sources.js';
import { LiveProperties } from './live-properties.js';
import { accountBar } from './logins/account-bar.js';
import { GlobalKeys } from './logins/global-keys.js';
import { TotpCodes } from './logins/totp.js';
import { FileUserLogins } from './logins/user-logins.js';
import { Passwords, type ScryptCost } from './passwords.js';
import { resolveSettings } from './resolve-settings.js';
import { UserFiles } from './user-files.js';
import type { UserKeys } from './user-keys.js';
import type { UserDirectories } from './user-paths.js';
import type { UserProperties } from './user-properties.js';

/** The dependencies of a user directory and a user registry. */
export interface UserDirectoryServices {
  readonly directories: UserDirectories;
  /** Called at each use. */
  readonly defaults: () => GatewayDefaults;
  readonly keys: UserKeys;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The users' files, read once for directory and registry. Without it each reads them itself. */
  readonly files?: UserFiles;
  /** Cost of a new password, and of checking an unknown user's. Tests set a lower one. */
  readonly passwordCost?: ScryptCost;
}

/** The users of the gateway: their settings and keys, and their logins. */
export interface Users {
  readonly directory: UserDirectory & AccountBars;
  readonly logins: UserLogins & UserCredentials;
  /** The codes that were used. */
  readonly codes: Pick<TotpCodes, 'share' | 'learn'>;
}

/** Returns the users as their files define them at each call. */
export function createUsers(services: UserDirectoryServices): Users {
  const files = services.files ?? new UserFiles(services.directories);
  const properties = new LiveProperties(files);
  const { clock, entropy, passwordCost } = services;
  const codes = new TotpCodes();
  return {
    codes,
    directory: new FileUserDirectory(services, files, properties),
    logins: new FileUserLogins({
      files,
      properties,
      globalKeys: new GlobalKeys(() => globalKeyFilesOf(services.defaults())),
      passwords: new Passwords(entropy, passwordCost),
      codes,
      clock,
    }),
  };
}

class FileUserDirectory implements UserDirectory, AccountBars {
  readonly #services: UserDirectoryServices;
  readonly #files: UserFiles;
  readonly #properties: LiveProperties;

  constructor(services: UserDirectoryServices, files: UserFiles, properties: LiveProperties) {
    this.#services = services;
    this.#files = files;
    this.#properties = properties;
  }

  async settings(call: Call, username: Username): Promise<UserSettings | null> {
    const properties = await this.#properties.read(call, username);
    if (properties === null) return null;
    return resolveSettings(username, properties, this.#services.defaults(), this.#services.directories);
  }

  async barOf(call: Call, username: Username): Promise<AccountBar | null> {
    try {
      const properties = await this.#properties.read(call, username);
      return properties === null ? 'removed' : accountBar(properties, this.#services.clock.nowMs());
    } catch {
      // Files that cannot be read have been logged. A session that began keeps its settings.
      return null;
    }
  }

  async uploadEncryption(call: Call, username: Username): Promise<WriteEncryption> {
    const properties = await this.#properties.read(call, username);
    if (properties === null) throw new Fault('not-found', `there is no user ${username}`);
    switch (properties.uploadOption) {
      case 1:
        return { kind: 'sse-s3' };
      case 2:
        if (properties.kmsKeyArn === null)
          throw new Fault('bug', 'sse.option=2 was accepted without a KMS key');
        return { kind: 'sse-kms', keyArn: properties.kmsKeyArn };
      case 3:
        return { kind: 'sse-c', key: await this.#uploadKey(username, properties) };
      case 4:
        return { kind: 'bucket-default' };
    }
  }

  async uploadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]> {
    const [, uploads] = await this.#keySources(call, username);
    return await this.#services.keys.readKeys([uploads]);
  }

  async downloadKeys(call: Call, username: Username): Promise<readonly CustomerKey[]> {
    return await this.#services.keys.readKeys(await this.#keySources(call, username));
  }

  /** Works for a removed user and for invalid settings too, so that existing objects can still be opened. */
  async #keySources(call: Call, username: Username): Promise<readonly [sync: KeySource, uploads: KeySource]> {
    const properties = await this.#properties.read(call, username).catch(() => null);
    const paths = this.#files.paths(username);
    return [syncKeySource(username, paths, properties), uploadKeySource(username, paths, properties)];
  }

  async #uploadKey(username: Username, properties: UserProperties): Promise<CustomerKey> {
    const source = uploadKeySource(username, this.#files.paths(username), properties);
    const key = await this.#services.keys.writeKey(source);
    if (key !== null) return key;
    throw new Fault(
      'key-missing',
      `${source.path} is missing, but sse.option=3 needs its key; store the 32 raw bytes of a key there, or name a key of the keyring (sftpgw key use)`,
    );
  }
}
