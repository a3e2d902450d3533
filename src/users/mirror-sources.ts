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

export interface MirrorSourcesServices {
  readonly directories: UserDirectories;
  /** `ROOT/root/.sftpgateway`: the settings and the keys of the shared directory. */
  readonly sharedSettingsDirectory: string;
  readonly users: UserDirectory;
  readonly keys: UserKeys;
  /** Asked at each use. */
  readonly defaults: () => GatewayDefaults;
  /** For the log of what is wrong with the files. */
  readonly call: Call;
}

/** The name under which the shared directory is mirrored. */
export const sharedMirrorName = 'shared';

export function downloadsMirrorName(username: Username): string {
  return `downloads/${username}`;
}

/**
 * What is to be mirrored, as the users' files say at each call: `U/downloads/` of every user with `downloads=yes` whose
 * `downloads.mode` is not `direct`, from the bucket of the user's uploads, and `shared/` of the default bucket when a user sees it or root's files speak of it.
 */
export function createMirrorSources(services: MirrorSourcesServices): MirrorSources {
  return new FileMirrorSources(services);
}

class FileMirrorSources implements MirrorSources {
  readonly #services: MirrorSourcesServices;
  /** What has been logged, by the user: once for each new text. */
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
      if (ignored !== '' && this.#isNewOfShared(ignored)) {
        // Whoever asks for no plaintext on disk has to hear that there is some.
        call.log.warn('the shared directory is always decrypted to disk, and nobody may remove there', {
          ignored,
        });
      }
      if (ignored === '') this.#loggedShared = null;
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#isNewOfShared(fault.hint)) {
        call.log.warn('the settings of the shared directory cannot be read', { error: fault });
      }
    }
    return await keys.readKeys(sharedKeySources(directory, named));
  }

  #isNewOfShared(text: string): boolean {
    const isNew = this.#loggedShared !== text;
    this.#loggedShared = text;
    return isNew;
  }

  /** Null, and logged, when they cannot be used. */
  async #settings(username: Username): Promise<UserSettings | null> {
    try {
      const settings = await this.#services.users.settings(this.#services.call, username);
      this.#logged.delete(username);
      return settings;
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#logged.get(username) !== fault.hint) {
        this.#logged.set(username, fault.hint);
        this.#services.call.log.warn('the downloads of a user are not mirrored', {
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
      const isThere = await stat(join(directory, name)).then(
        () => true,
        () => false,
      );
      if (isThere) return true;
    }
    return false;
  }
}
