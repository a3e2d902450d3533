import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { ClearedDirectory, MirrorPrefix, MirrorSources } from '../model/mirror.js';
import { parseUsername, type UserDirectory, type Username, type UserSettings } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { sharedKeySources } from './key-sources.js';
import { readSyncProperties, type SyncProperties } from './sync-properties.js';
import { fileFault } from './user-files.js';
import type { UserKeys } from './user-keys.js';
import type { UserDirectories } from './user-paths.js';

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

class FileMirrorSources implements MirrorSources {
  readonly #services: MirrorSourcesServices;
  /** The last logged text of each user. */
  readonly #logged = new Map<string, string>();
  #loggedShared: string | null = null;

  constructor(services: MirrorSourcesServices) {
    this.#services = services;
  }

  async list(): Promise<readonly MirrorPrefix[]> {
    const prefixes: MirrorPrefix[] = [];
    let isSharedSeen = false;
    for (const username of await this.#usernames()) {
      const settings = await this.#settings(username);
      if (settings?.downloads && settings.downloadsMode === 'mirror')
        prefixes.push(this.#downloads(settings));
      isSharedSeen ||= settings?.shared ?? false;
    }
    const { bucket } = this.#services.defaults();
    if (bucket !== null && (isSharedSeen || (await this.#hasSharedSettings()))) {
      prefixes.push(this.#shared(bucket));
    }
    return prefixes;
  }

  async cleared(): Promise<readonly ClearedDirectory[]> {
    const cleared: ClearedDirectory[] = [];
    for (const username of await this.#usernames()) {
      const settings = await this.#settings(username);
      if (settings?.downloadsMode !== 'direct') continue;
      cleared.push({ name: downloadsMirrorName(username), directory: settings.downloadsDirectory });
    }
    return cleared;
  }

  #downloads({ username, uploadBucket, downloadsPrefix, downloadsDirectory }: UserSettings): MirrorPrefix {
    const { users, call } = this.#services;
    return {
      name: downloadsMirrorName(username),
      bucket: uploadBucket,
      prefix: downloadsPrefix,
      directory: downloadsDirectory,
      keys: () => users.downloadKeys(call, username),
    };
  }

  #shared(bucket: string): MirrorPrefix {
    const { directories } = this.#services;
    return {
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
    return [...names].sort().flatMap((name) => {
      try {
        return [parseUsername(name)];
      } catch {
        return [];
      }
    });
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
