import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import type { MirrorPrefix, MirrorSources } from '../model/mirror.js';
import { parseUsername, type UserDirectory, type Username, type UserSettings } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { type UserPlaces, userPaths } from './places.js';
import { fileFault } from './user-files.js';

export interface MirrorSourcesParts {
  readonly places: UserPlaces;
  /** `ROOT/root/.sftpgateway`: the settings and the keys of the shared directory. */
  readonly sharedSettingsDirectory: string;
  readonly users: UserDirectory;
  readonly keyFiles: KeyFiles;
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
 * What is to be mirrored, as the users' files say at each call: `U/downloads/` of every user with `downloads=yes`, from the bucket
 * of the user's uploads, and `shared/` of the default bucket when a user sees it or root's files speak of it.
 */
export function createMirrorSources(parts: MirrorSourcesParts): MirrorSources {
  return new FileMirrorSources(parts);
}

class FileMirrorSources implements MirrorSources {
  readonly #parts: MirrorSourcesParts;
  /** What has been logged, by the user: once for each new text. */
  readonly #said = new Map<string, string>();

  constructor(parts: MirrorSourcesParts) {
    this.#parts = parts;
  }

  async list(): Promise<readonly MirrorPrefix[]> {
    const prefixes: MirrorPrefix[] = [];
    let isSharedSeen = false;
    for (const username of await this.#usernames()) {
      const settings = await this.#settings(username);
      if (settings?.downloads) prefixes.push(this.#downloads(settings));
      isSharedSeen ||= settings?.shared ?? false;
    }
    const { bucket } = this.#parts.defaults();
    if (bucket !== null && (isSharedSeen || (await this.#hasSharedSettings()))) {
      prefixes.push(this.#shared(bucket));
    }
    return prefixes;
  }

  #downloads({ username, uploadBucket, downloadsDirectory }: UserSettings): MirrorPrefix {
    const paths = userPaths(this.#parts.places, username);
    return {
      name: downloadsMirrorName(username),
      bucket: uploadBucket,
      prefix: `${username}/downloads/`,
      directory: downloadsDirectory,
      keys: () => this.#keys(paths.syncKey, paths.uploadKey),
    };
  }

  #shared(bucket: string): MirrorPrefix {
    const { places, sharedSettingsDirectory: settings } = this.#parts;
    return {
      name: sharedMirrorName,
      bucket,
      prefix: 'shared/',
      directory: places.shared,
      keys: () => this.#keys(join(settings, 'sse-sync.key'), join(settings, 'sse.key')),
    };
  }

  /** The current key first, then those it replaced, then those of the uploads; each once. */
  async #keys(syncKey: string, uploadKey: string): Promise<readonly CustomerKey[]> {
    const keys = new Map<string, CustomerKey>();
    for (const path of [syncKey, uploadKey]) {
      for (const key of await this.#parts.keyFiles.loadAll(path)) {
        if (!keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
      }
    }
    return [...keys.values()];
  }

  /** Null, and logged, when they cannot be used. */
  async #settings(username: Username): Promise<UserSettings | null> {
    try {
      const settings = await this.#parts.users.settings(this.#parts.call, username);
      this.#said.delete(username);
      return settings;
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#said.get(username) !== fault.hint) {
        this.#said.set(username, fault.hint);
        this.#parts.call.log.warn('the downloads of a user are not mirrored', {
          user: username,
          error: fault,
        });
      }
      return null;
    }
  }

  async #usernames(): Promise<readonly Username[]> {
    const { homes } = this.#parts.places;
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
    const { sharedSettingsDirectory: directory } = this.#parts;
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
