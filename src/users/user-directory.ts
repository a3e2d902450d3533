import { timingSafeEqual } from 'node:crypto';
import type { Call, Clock, Entropy } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import {
  type Credential,
  parseUsername,
  type UserDirectory,
  type Username,
  type UserSettings,
} from '../model/users.js';
import type { AuthorizedKey } from './authorized-keys.js';
import type { GatewayDefaults } from './defaults.js';
import { type KeySource, syncKeySource, uploadKeySource } from './key-sources.js';
import { Passwords, type ScryptCost } from './passwords.js';
import { resolveSettings } from './resolve-settings.js';
import { located, UserFiles } from './user-files.js';
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
  /** Cost of a new password, and of checking an unknown user's. Tests set a lower one. */
  readonly passwordCost?: ScryptCost;
}

/** Opens the directory of users. It reads the users' files at each call. */
export function createUserDirectory(services: UserDirectoryServices): UserDirectory {
  return new FileUserDirectory(services);
}

class FileUserDirectory implements UserDirectory {
  readonly #services: UserDirectoryServices;
  readonly #files: UserFiles;
  readonly #passwords: Passwords;
  readonly #lastGood = new Map<Username, UserProperties>();
  /** File contents whose problems have been logged. A changed file is a new object. */
  readonly #logged = new WeakSet<object>();
  /** The last logged fault of each unreadable file. */
  readonly #unreadable = new Map<Username, string>();

  constructor(services: UserDirectoryServices) {
    this.#services = services;
    this.#files = new UserFiles(services.directories);
    this.#passwords = new Passwords(services.entropy, services.passwordCost);
  }

  async verify(
    call: Call,
    username: string,
    credential: Credential,
    remoteAddress: string,
  ): Promise<boolean> {
    try {
      const known = await this.#knownUser(username);
      if (credential.kind === 'password') {
        const stored = known === null ? null : await this.#files.password(known);
        return await this.#passwords.verify(credential.password, stored);
      }
      return known !== null && (await this.#verifyKey(call, known, credential.blob, remoteAddress));
    } catch (error) {
      const fault = Fault.from(error);
      call.log.warn('cannot check login', { user: username.slice(0, 64), error: fault });
      return false;
    }
  }

  async settings(call: Call, username: Username): Promise<UserSettings | null> {
    const properties = await this.#properties(call, username);
    if (properties === null) return null;
    return resolveSettings(username, properties, this.#services.defaults(), this.#services.directories);
  }

  async uploadEncryption(call: Call, username: Username): Promise<WriteEncryption> {
    const properties = await this.#properties(call, username);
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
    const properties = await this.#properties(call, username).catch(() => null);
    const paths = this.#files.paths(username);
    return [syncKeySource(username, paths, properties), uploadKeySource(username, paths, properties)];
  }

  async #knownUser(text: string): Promise<Username | null> {
    let username: Username;
    try {
      username = parseUsername(text);
    } catch {
      return null;
    }
    return (await this.#files.properties(username)) === null ? null : username;
  }

  async #verifyKey(
    call: Call,
    username: Username,
    blob: Uint8Array,
    remoteAddress: string,
  ): Promise<boolean> {
    const authorized = await this.#files.authorizedKeys(username);
    this.#logProblems(
      call,
      authorized,
      located(this.#files.paths(username).authorizedKeys, authorized.problems),
    );
    let isAccepted = false;
    for (const key of authorized.keys) {
      if (!isSameBlob(key.blob, blob)) continue;
      const refusal = this.#refusal(key, remoteAddress);
      if (refusal === null) isAccepted = true;
      else call.log.info('public key refused', { user: username, line: key.line, reason: refusal });
    }
    return isAccepted;
  }

  #refusal(key: AuthorizedKey, remoteAddress: string): string | null {
    if (key.expiresMs !== null && this.#services.clock.nowMs() >= key.expiresMs)
      return 'its expiry-time has passed';
    if (key.from !== null && !key.from.match(remoteAddress)) return `from= does not allow ${remoteAddress}`;
    return null;
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

  /** Returns the settings in the file, or the last valid ones; null for an unknown user. */
  async #properties(call: Call, username: Username): Promise<UserProperties | null> {
    const path = this.#files.paths(username).properties;
    const lastGood = this.#lastGood.get(username);
    try {
      const parsed = await this.#files.properties(username);
      if (parsed === null) {
        this.#lastGood.delete(username);
        return null;
      }
      this.#logProblems(call, parsed, located(path, parsed.problems));
      const errors = parsed.problems.filter((problem) => problem.severity === 'error');
      if (errors.length > 0) throw new Fault('invalid', located(path, errors).join('; '));
      this.#lastGood.set(username, parsed.properties);
      this.#unreadable.delete(username);
      return parsed.properties;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind !== 'invalid' && this.#unreadable.get(username) !== fault.hint) {
        this.#unreadable.set(username, fault.hint);
        call.log.warn('cannot read user settings', { user: username, error: fault });
      }
      if (lastGood === undefined) throw fault;
      return lastGood;
    }
  }

  #logProblems(call: Call, content: object, problems: readonly string[]): void {
    if (this.#logged.has(content)) return;
    this.#logged.add(content);
    for (const problem of problems) call.log.warn('problem in a user file', { problem });
  }
}

function isSameBlob(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
