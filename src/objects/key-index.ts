import { join } from 'node:path';
import type { Logger } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import type { Keyring, KeyState } from '../model/keyring.js';
import type { ObjectRef } from '../model/object-store.js';
import { ownersOf, type PrefixOwner } from '../model/users/prefix-owners.js';
import type { Username, UserRegistry } from '../model/users.js';
import { type UserDirectories, userPaths } from '../users/user-paths.js';
import type { EncryptionKeys, NamedKey } from './encryption-keys.js';

/** Dependencies of the index of keys. */
export interface EncryptionKeysServices {
  readonly directories: UserDirectories;
  readonly sharedSettingsDirectory: string;
  readonly registry: Pick<UserRegistry, 'locations'>;
  readonly keyFiles: KeyFiles;
  readonly keyring: Pick<Keyring, 'list' | 'open'>;
  readonly owners: readonly PrefixOwner[];
  readonly log: Logger;
}

interface AvailableKey {
  /** Null if only the description is left, or if the key cannot be opened. */
  readonly key: CustomerKey | null;
  /** Null for a key of the shared directory, and for a key without an owner. */
  readonly username: string | null;
  readonly label: string;
  readonly state: KeyState;
}

/**
 * Indexes the keys of all users' files, of the shared directory and of the keyring. Reads them once, because
 * a command is short. The keyring's description of a key takes precedence over its file.
 */
export function createEncryptionKeys(services: EncryptionKeysServices): EncryptionKeys {
  return new AvailableKeys(services);
}

class AvailableKeys implements EncryptionKeys {
  readonly #services: EncryptionKeysServices;
  #loaded: Promise<ReadonlyMap<KeyFingerprint, AvailableKey>> | null = null;

  constructor(services: EncryptionKeysServices) {
    this.#services = services;
  }

  async all(): Promise<readonly CustomerKey[]> {
    return [...(await this.#all()).values()].flatMap(({ key }) => key ?? []);
  }

  async keysFor(ref: ObjectRef): Promise<readonly CustomerKey[]> {
    const all = [...(await this.#all()).values()];
    const names: readonly (string | null)[] = ownersOf(this.#services.owners, ref).map(
      ({ username }) => username,
    );
    const own = all.filter(({ username }) => names.includes(username));
    const others = all.filter(({ username }) => !names.includes(username));
    return [...own, ...others].flatMap(({ key }) => key ?? []);
  }

  async describe(id: KeyFingerprint): Promise<NamedKey | null> {
    const found = (await this.#all()).get(id);
    return found === undefined ? null : { id, label: found.label, state: found.state };
  }

  async open(id: KeyFingerprint): Promise<CustomerKey | null> {
    return (await this.#all()).get(id)?.key ?? null;
  }

  async beginningWith(text: string): Promise<readonly NamedKey[]> {
    return [...(await this.#all())]
      .filter(([id]) => id.startsWith(text))
      .map(([id, { label, state }]) => ({ id, label, state }));
  }

  #all(): Promise<ReadonlyMap<KeyFingerprint, AvailableKey>> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<ReadonlyMap<KeyFingerprint, AvailableKey>> {
    const { directories, registry, sharedSettingsDirectory } = this.#services;
    const keys = new Map<KeyFingerprint, AvailableKey>();
    for (const { username } of await registry.locations()) {
      const { uploadKey, syncKey } = userPaths(directories, username);
      await this.#take(keys, uploadKey, username, `${username} uploads`);
      await this.#take(keys, syncKey, username, `${username} downloads`);
    }
    for (const name of ['sse-sync.key', 'sse.key']) {
      await this.#take(keys, join(sharedSettingsDirectory, name), null, 'shared');
    }
    await this.#takeKeyring(keys);
    return keys;
  }

  /** Adds the keys of the keyring. Logs a key that cannot be opened and continues with the others. */
  async #takeKeyring(keys: Map<KeyFingerprint, AvailableKey>): Promise<void> {
    for (const { id, label, owner, state } of await this.#services.keyring.list()) {
      const inFile = keys.get(id);
      const key = inFile?.key ?? (await this.#opened(id, state));
      keys.set(id, {
        key,
        username: owner.kind === 'user' ? owner.username : (inFile?.username ?? null),
        label: label === '' ? (inFile?.label ?? '') : label,
        state,
      });
    }
  }

  async #opened(id: KeyFingerprint, state: KeyState): Promise<CustomerKey | null> {
    if (state === 'destroyed') return null;
    try {
      return await this.#services.keyring.open(id);
    } catch (error) {
      const fault = Fault.from(error);
      this.#services.log.warn('cannot open keyring key', { key: id, error: fault });
      return null;
    }
  }

  /** Adds the keys of a file. Logs a file that cannot be read and continues. */
  async #take(
    keys: Map<KeyFingerprint, AvailableKey>,
    path: string,
    username: Username | null,
    label: string,
  ): Promise<void> {
    try {
      const current = await this.#services.keyFiles.load(path);
      for (const key of await this.#services.keyFiles.loadAll(path)) {
        const isCurrent = current?.equals(key) ?? false;
        if (keys.has(key.fingerprint)) continue;
        keys.set(key.fingerprint, { key, username, label, state: isCurrent ? 'active' : 'retired' });
      }
    } catch (error) {
      this.#services.log.warn('cannot read key file', { path, error: Fault.from(error) });
    }
  }
}
