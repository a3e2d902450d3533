import { mapBounded } from '../concurrency/bounded.js';
import { secretFileMode, writeFileDurably } from '../files/durable.js';
import type { EncryptionOption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { formatUploadRights } from '../model/users/upload-rights.js';
import type { UserChange, Username, UserRegistry, UserSummary } from '../model/users.js';
import { changePublicKeys } from './change-keys.js';
import { changeUserProperties } from './change-properties.js';
import { archiveHome, homesOf, prepareHome } from './homes.js';
import { type KeySource, syncKeySource, uploadKeySource } from './key-sources.js';
import { describeLogin } from './logins/describe-login.js';
import { TotpSecret, totpUri } from './logins/totp.js';
import { removeTotp, writeTotp } from './logins/totp-files.js';
import { Passwords } from './passwords.js';
import { defaultUploadPrefix, localSettings, wholeBucketProblem } from './resolve-settings.js';
import type { UserDirectoryServices } from './user-directory.js';
import { fileFault, located, UserFiles } from './user-files.js';
import type { UserProperties } from './user-properties.js';

/** Users whose files are read in parallel. */
const parallelReads = 16;

/** Opens the users' files for an administrator. A running gateway applies a change at its next request. */
export function createUserRegistry(services: UserDirectoryServices): UserRegistry {
  return new FileUserRegistry(services);
}

class FileUserRegistry implements UserRegistry {
  readonly #services: UserDirectoryServices;
  readonly #files: UserFiles;
  readonly #passwords: Passwords;
  /** The last running change of each user. Changes of one user run one after the other. */
  readonly #changes = new Map<Username, Promise<unknown>>();

  constructor(services: UserDirectoryServices) {
    this.#services = services;
    this.#files = services.files ?? new UserFiles(services.directories);
    this.#passwords = new Passwords(services.entropy, services.passwordCost);
  }

  save(username: Username, change: UserChange): Promise<'created' | 'amended'> {
    return this.#inTurn(username, () => this.#save(username, change));
  }

  async describe(username: Username): Promise<UserSummary | null> {
    const paths = this.#files.paths(username);
    const parsed = await this.#files.properties(username);
    if (parsed === null) return null;
    const { properties } = parsed;
    const login = await describeLogin(this.#files, username, properties, this.#services.defaults());
    const problems = [...located(paths.properties, parsed.problems), ...login.problems];
    const uploadBucket = properties.uploadBucket ?? this.#services.defaults().bucket;
    if (uploadBucket === null) problems.push('no bucket for uploads is set');
    const whole = wholeBucketProblem(properties, this.#services.defaults());
    if (whole !== null) problems.push(`${paths.properties}: ${whole}`);
    const uploads = await this.#keyInForce(
      uploadKeySource(username, paths, properties),
      properties.uploadOption,
    );
    const downloads = await this.#keyInForce(syncKeySource(username, paths, properties), null);
    problems.push(...uploads.problems, ...downloads.problems);
    return {
      username,
      uploadOption: properties.uploadOption,
      uploadBucket: uploadBucket ?? '',
      uploadPrefix: properties.uploadPrefix ?? defaultUploadPrefix(username),
      access: properties.access,
      uploadRights: formatUploadRights(properties.uploadRights),
      uploadExclusions: properties.uploadExclusions,
      uploadKeyFingerprint: uploads.fingerprint,
      syncOption: properties.syncOption,
      syncKeyFingerprint: downloads.fingerprint,
      ...login.summary,
      downloads: properties.downloads,
      shared: properties.shared,
      ...localSettings(properties, this.#services.defaults()),
      problems,
    };
  }

  async list(): Promise<readonly UserSummary[]> {
    return await this.#ofEach((username) => this.describe(username));
  }

  async locations() {
    const { bucket } = this.#services.defaults();
    return await this.#ofEach(async (username) => {
      const parsed = await this.#files.properties(username);
      if (parsed === null) return null;
      const { uploadBucket, uploadPrefix, uploadOption, syncOption } = parsed.properties;
      return {
        username,
        uploadOption,
        syncOption,
        uploadBucket: uploadBucket ?? bucket ?? '',
        uploadPrefix: uploadPrefix ?? defaultUploadPrefix(username),
      };
    });
  }

  remove(username: Username): Promise<string | null> {
    return this.#inTurn(username, async () => {
      const { directories, clock } = this.#services;
      const paths = this.#files.paths(username);
      if ((await this.#files.properties(username)) === null) return null;
      await this.#services.keys.importRawKeys([
        uploadKeySource(username, paths, null),
        syncKeySource(username, paths, null),
      ]);
      try {
        return await archiveHome(paths, directories, clock.nowMs());
      } catch (error) {
        throw fileFault(paths.home, 'written', error);
      }
    });
  }

  createTotp(username: Username, host: string): Promise<string | null> {
    return this.#inTurn(username, async () => {
      const secret = TotpSecret.generate(this.#services.entropy);
      return (await writeTotp(this.#files, username, secret)) ? totpUri(secret, username, host) : null;
    });
  }

  removeTotp(username: Username): Promise<boolean | null> {
    return this.#inTurn(username, () => removeTotp(this.#files, username));
  }

  async checkTotp(username: Username, code: string): Promise<boolean> {
    const stored = await this.#files.totp(username);
    if (stored === null) throw new Fault('not-found', `${username} has no TOTP secret`);
    if ('problem' in stored) {
      throw new Fault('invalid', `${this.#files.paths(username).totpSecret}: ${stored.problem}`);
    }
    return stored.secret.stepOf(code, this.#services.clock.nowMs()) !== null;
  }

  /**
   * Checks everything before it writes anything. Writes `user.properties`, which makes the user exist, last.
   */
  async #save(username: Username, change: UserChange): Promise<'created' | 'amended'> {
    const paths = this.#files.paths(username);
    const changed = await changeUserProperties(paths.properties, username, change);
    const whole = wholeBucketProblem(changed.properties, this.#services.defaults());
    if (whole !== null) throw new Fault('invalid', whole);
    const uploads = uploadKeySource(username, paths, changed.properties);
    const downloads = syncKeySource(username, paths, changed.properties);
    await this.#checkKeys(uploads, downloads, changed.properties, change);
    const authorizedKeys = await changePublicKeys(paths.authorizedKeys, change);
    const password = change.password === undefined ? null : await this.#passwords.hash(change.password);
    try {
      await prepareHome(paths, this.#services.directories);
      if (change.uploadKey !== undefined) {
        await this.#services.keys.import(change.uploadKey, uploads, change.uploadKeyOrigin ?? 'imported');
        await this.#services.keys.store(change.uploadKey, uploads);
      }
      if (authorizedKeys !== null)
        await writeFileDurably(paths.authorizedKeys, authorizedKeys, secretFileMode);
      if (password !== null) await writeFileDurably(paths.password, password, secretFileMode);
      if (changed.isChanged) await writeFileDurably(paths.properties, changed.text, secretFileMode);
    } catch (error) {
      throw fileFault(paths.home, 'written', error);
    }
    return changed.isNew ? 'created' : 'amended';
  }

  /** Throws if the keys of the change are unusable, or option 3 has no key, so that no later upload fails. */
  async #checkKeys(
    uploads: KeySource,
    downloads: KeySource,
    properties: UserProperties,
    change: UserChange,
  ): Promise<void> {
    const { keys } = this.#services;
    if (change.uploadKey !== undefined && change.uploadKeyId !== undefined) {
      throw new Fault('invalid', 'set a key or the id of a key of the keyring, not both');
    }
    if (change.uploadKeyId !== undefined) await keys.requireUsableIn(change.uploadKeyId, uploads);
    if (change.syncKeyId !== undefined) await keys.requireUsableIn(change.syncKeyId, downloads);
    const setsKey = [change.uploadKey, change.uploadKeyId, change.syncKeyId].some((one) => one !== undefined);
    if (setsKey || change.uploadOption === 3) await keys.requireRecovery();
    if (properties.uploadOption !== 3 || change.uploadKey !== undefined) return;
    if ((await keys.currentKey(uploads)) !== null) return;
    throw new Fault(
      'key-missing',
      'encryption option 3 (SSE-C) needs an AES-256 key, but the user has none; set one',
    );
  }

  /** Returns the current key of a source, and its problems. */
  async #keyInForce(
    source: KeySource,
    option: EncryptionOption | null,
  ): Promise<{ readonly fingerprint: string | null; readonly problems: readonly string[] }> {
    try {
      const key = await this.#services.keys.currentKey(source);
      const lacks = key === null && option === 3;
      const problems = lacks ? [`${source.path} is missing, but sse.option=3 needs it`] : [];
      return { fingerprint: key?.fingerprint ?? null, problems };
    } catch (error) {
      return { fingerprint: source.keyId, problems: [Fault.from(error).hint] };
    }
  }

  /** Returns what `read` returns for each user, in the order of their names, without null. */
  async #ofEach<T>(read: (username: Username) => Promise<T | null>): Promise<readonly T[]> {
    const usernames = await homesOf(this.#services.directories.homes);
    const found = await mapBounded(usernames, parallelReads, read);
    return found.flatMap((one) => (one === null ? [] : [one]));
  }

  async #inTurn<T>(username: Username, work: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(username) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#changes.set(username, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(username) === mine) this.#changes.delete(username);
    }
  }
}
