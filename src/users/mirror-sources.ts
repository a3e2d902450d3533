import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stampsOfGroups } from '../files/file-stamps.js';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { ClearedDirectory, MirrorPrefix, MirrorSourceList, MirrorSources } from '../model/mirror.js';
import { type UserDirectory, type Username, type UserSettings, usernameOfDirectory } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { sharedKeySources } from './key-sources.js';
import { readSyncProperties, type SyncProperties } from './sync-properties.js';
import { fileFault } from './user-files.js';
import type { UserKeys } from './user-keys.js';
import { type UserDirectories, userPaths } from './user-paths.js';

/** The dependencies of the list of mirrored prefixes. */
export interface MirrorSourcesServices {
  readonly directories: UserDirectories;
  /** `ROOT/root/.sftpgateway`: the settings and the keys of the shared directory. */
  readonly sharedSettingsDirectory: string;
  readonly users: UserDirectory;
  readonly keys: UserKeys;
  /** Called at each use. */
  readonly defaults: () => GatewayDefaults;
  /** Used to log problems with the files. */
  readonly call: Call;
}

/** The name of the shared directory's mirror. */
export const sharedMirrorName = 'shared';

/** Returns the name of the mirror of a user's downloads. */
export function downloadsMirrorName(username: Username): string {
  return `downloads/${username}`;
}

/**
 * Opens the list of mirrored prefixes. It follows the users' files at each call: `U/downloads/` of every user
 * with `downloads=yes` whose `downloads.mode` is not `direct`, in the bucket of the user's uploads; and
 * `shared/` of the default bucket if a user sees it or root has settings or a key for it.
 */
export function createMirrorSources(services: MirrorSourcesServices): MirrorSources {
  return new FileMirrorSources(services);
}

/** A user as the files were at the last call. */
interface SeenUser {
  /** The time stamps of the files; null if they changed a moment ago. */
  readonly files: string | null;
  readonly bucket: string | null;
  readonly settings: UserSettings | null;
}

class FileMirrorSources implements MirrorSources {
  readonly #services: MirrorSourcesServices;
  /** The last logged text of each user. */
  readonly #logged = new Map<string, string>();
  #loggedShared: string | null = null;
  #users: ReadonlyMap<Username, SeenUser> = new Map();

  constructor(services: MirrorSourcesServices) {
    this.#services = services;
  }

  async list(): Promise<MirrorSourceList> {
    const prefixes: MirrorPrefix[] = [];
    const cleared: ClearedDirectory[] = [];
    let isSharedSeen = false;
    const { bucket } = this.#services.defaults();
    const keyringStamps = await this.#services.keys.keyringStamps();
    for (const [username, { settings, files }] of await this.#readUsers(bucket)) {
      if (settings?.downloads && settings.downloadsMode === 'mirror') {
        const owned = keyringStamps?.({ kind: 'user', username }) ?? null;
        prefixes.push(this.#downloads(settings, joined(files, owned)));
      }
      if (settings?.downloadsMode === 'direct')
        cleared.push({ name: downloadsMirrorName(username), directory: settings.downloadsDirectory });
      isSharedSeen ||= settings?.shared ?? false;
    }
    if (bucket !== null) {
      const [files] = await stampsOfGroups([this.#sharedFiles()]);
      if (isSharedSeen || (await this.#hasSharedSettings()))
        prefixes.push(
          this.#shared(bucket, joined(files ?? null, keyringStamps?.({ kind: 'shared' }) ?? null)),
        );
    }
    return { prefixes, cleared };
  }

  /** Returns every user with the settings, which are read again only after a change of the user's files. */
  async #readUsers(bucket: string | null): Promise<ReadonlyMap<Username, SeenUser>> {
    const usernames = await this.#usernames();
    const stamps = await stampsOfGroups(usernames.map((username) => this.#filesOf(username)));
    const users = new Map<Username, SeenUser>();
    for (const [index, username] of usernames.entries()) {
      const files = stamps[index] ?? null;
      const seen = this.#users.get(username);
      const isSame = files !== null && seen?.files === files && seen.bucket === bucket;
      users.set(username, isSame ? seen : { files, bucket, settings: await this.#settings(username) });
    }
    this.#users = users;
    return users;
  }

  #filesOf(username: Username): readonly string[] {
    const { privateDirectory, properties, uploadKey, syncKey } = userPaths(
      this.#services.directories,
      username,
    );
    return [privateDirectory, properties, uploadKey, syncKey];
  }

  #sharedFiles(): readonly string[] {
    const { sharedSettingsDirectory: directory } = this.#services;
    return [
      directory,
      ...['user.properties', 'sse-sync.key', 'sse.key'].map((name) => join(directory, name)),
    ];
  }

  #downloads(
    { username, uploadBucket, downloadsPrefix, downloadsDirectory }: UserSettings,
    keysStamp: string | null,
  ): MirrorPrefix {
    const { users, call } = this.#services;
    return {
      keysStamp,
      name: downloadsMirrorName(username),
      bucket: uploadBucket,
      prefix: downloadsPrefix,
      directory: downloadsDirectory,
      keys: () => users.downloadKeys(call, username),
    };
  }

  #shared(bucket: string, keysStamp: string | null): MirrorPrefix {
    const { directories } = this.#services;
    return {
      keysStamp,
      name: sharedMirrorName,
      bucket,
      prefix: 'shared/',
      directory: directories.shared,
      keys: () => this.#sharedKeys(),
    };
  }

  async #sharedKeys(): Promise<readonly CustomerKey[]> {
    const { keys, sharedSettingsDirectory: directory, call } = this.#services;
    let named: SyncProperties | null = null;
    try {
      named = await readSyncProperties(join(directory, 'user.properties'));
      const ignored = named.ignored.join(', ');
      if (ignored !== '' && this.#isNewSharedProblem(ignored)) {
        // An administrator who wants no plaintext on disk must learn that there is some.
        call.log.warn('shared directory is always mirrored and read-only', {
          ignored,
        });
      }
      if (ignored === '') this.#loggedShared = null;
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#isNewSharedProblem(fault.hint)) {
        call.log.warn('cannot read settings of the shared directory', { error: fault });
      }
    }
    return await keys.readKeys(sharedKeySources(directory, named));
  }

  #isNewSharedProblem(text: string): boolean {
    const isNew = this.#loggedShared !== text;
    this.#loggedShared = text;
    return isNew;
  }

  /** Returns null for an unknown user. Also logs and returns null for unusable settings. */
  async #settings(username: Username): Promise<UserSettings | null> {
    try {
      const settings = await this.#services.users.settings(this.#services.call, username);
      this.#logged.delete(username);
      return settings;
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#logged.get(username) !== fault.hint) {
        this.#logged.set(username, fault.hint);
        this.#services.call.log.warn('downloads of a user are not mirrored', {
          user: username,
          error: fault,
        });
      }
      return null;
    }
  }

  async #usernames(): Promise<readonly Username[]> {
    const { homes } = this.#services.directories;
    let names: readonly string[];
    try {
      names = await readdir(homes);
    } catch (error) {
      if (isAbsence(error)) return [];
      throw fileFault(homes, 'read', error);
    }
    return [...names].sort().flatMap((name) => usernameOfDirectory(name) ?? []);
  }

  async #hasSharedSettings(): Promise<boolean> {
    const { sharedSettingsDirectory: directory } = this.#services;
    for (const name of ['user.properties', 'sse-sync.key']) {
      const exists = await stat(join(directory, name)).then(
        () => true,
        () => false,
      );
      if (exists) return true;
    }
    return false;
  }
}

/** Returns one stamp for two; null if one of them is unknown. */
function joined(files: string | null, owned: string | null): string | null {
  return files === null || owned === null ? null : `${files};${owned}`;
}
