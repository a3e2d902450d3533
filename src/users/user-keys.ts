import { mapBounded } from '../concurrency/bounded.js';
import type { Clock, LogFields, Logger } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import type { KeyDescription, KeyOwner, Keyring, KeyringCustody } from '../model/keyring.js';
import type { KeySource } from './key-sources.js';

/** The dependencies of `UserKeys`. */
export interface UserKeysServices {
  readonly keyFiles: KeyFiles;
  readonly keyring: Pick<Keyring, 'import' | 'open' | 'describe' | 'byOwner'> &
    Pick<KeyringCustody, 'recoveryRecipients'>;
  /** Returns the setting `sse-c.require.recovery`. Called at each use. */
  readonly requiresRecovery: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sources whose raw files are read in parallel. */
const parallelReads = 16;

/** Delay before a failed import of a key is tried again, in ms. */
const retryMs = 60_000;

/**
 * The keys of users and of the shared directory, from raw files and from the keyring. A raw key is imported
 * into the keyring when it is first seen. If that fails, the key is used anyway and the failure is logged.
 */
export class UserKeys {
  readonly #services: UserKeysServices;
  /** Keys that this process knows to be in the keyring. */
  readonly #imported = new Set<KeyFingerprint>();
  readonly #retryAtMs = new Map<KeyFingerprint, number>();
  /** Texts that have been logged. */
  readonly #logged = new Set<string>();

  constructor(services: UserKeysServices) {
    this.#services = services;
  }

  /**
   * Returns the key for new objects: the one that the settings name, else the one in the raw file, or null.
   * Throws `key-missing` if the keyring does not have the named key, `conflict` if it is retired, and
   * `denied` if a required recovery recipient does not exist. Also throws the faults of the file and the
   * keyring.
   */
  async writeKey(source: KeySource): Promise<CustomerKey | null> {
    await this.requireRecovery();
    if (source.keyId === null) return await this.currentKey(source);
    await this.requireWritable(source.keyId, source);
    return await this.currentKey(source);
  }

  /** Returns the same key as `writeKey`, even if it must not be used for writing. */
  async currentKey(source: KeySource): Promise<CustomerKey | null> {
    const { keyId } = source;
    if (keyId === null) {
      const raw = await this.#services.keyFiles.load(source.path);
      if (raw !== null) await this.#importRawKey(raw, source);
      return raw;
    }
    const key = await this.#services.keyring.open(keyId);
    if (key === null)
      throw new Fault('key-missing', `${describeSetting(source)}: the keyring has no key ${keyId}`);
    await this.#logUnusedRawKey(source, keyId);
    return key;
  }

  /** Returns the description of a key that may be used for writing. Throws `key-missing` or `conflict`. */
  async requireWritable(keyId: KeyFingerprint, source: KeySource | null = null): Promise<KeyDescription> {
    const where = source === null ? '' : `${describeSetting(source)}: `;
    const description = await this.#services.keyring.describe(keyId);
    if (description === null || description.state === 'destroyed') {
      const why = description === null ? 'the keyring has no key' : 'the keyring has destroyed the key';
      throw new Fault('key-missing', `${where}${why} ${keyId}`);
    }
    if (description.state === 'retired') {
      throw new Fault(
        'conflict',
        `${where}the key ${keyId} is retired: it only opens existing objects; use another (sftpgw key use)`,
      );
    }
    return description;
  }

  /** Throws `denied` while the settings require a recovery recipient and none exists. */
  async requireRecovery(): Promise<void> {
    if (!this.#services.requiresRecovery()) return;
    if ((await this.#services.keyring.recoveryRecipients()).length > 0) return;
    throw new Fault(
      'denied',
      'customer keys cannot be used without a recovery recipient (sse-c.require.recovery=yes); run `sftpgw recovery init`',
    );
  }

  /**
   * Checks as `requireWritable` does. Also throws `conflict` for a key with another owner, which would not be
   * tried when objects of this source are read.
   */
  async requireUsableIn(keyId: KeyFingerprint, source: KeySource): Promise<void> {
    const { owner } = await this.requireWritable(keyId);
    if (owner.kind === 'none' || isSameOwner(owner, source.owner)) return;
    const whose = owner.kind === 'user' ? `the user ${owner.username}` : 'the shared directory';
    throw new Fault(
      'conflict',
      `the key ${keyId} belongs to ${whose}; generate one with this owner or without an owner (sftpgw key generate)`,
    );
  }

  /** Writes the raw file of a source. Throws the faults of `KeyFiles.store`. */
  async store(key: CustomerKey, source: KeySource): Promise<void> {
    await this.#services.keyFiles.store(source.path, key);
  }

  /**
   * Imports a key into the keyring with the owner and label of a source. Throws the faults of
   * `Keyring.import`.
   */
  async import(key: CustomerKey, source: KeySource, origin: 'generated' | 'imported'): Promise<void> {
    await this.#services.keyring.import(key, { label: source.label, owner: source.owner, origin });
    this.#imported.add(key.fingerprint);
  }

  /**
   * Returns every key that may open objects of one owner, the likeliest first. The order is: for each source
   * the named key, the raw file and the kept keys; then the owner's keys in the keyring; then keys without an
   * owner. Active keys of the keyring come before retired ones, newer before older. Logs and omits a key that
   * cannot be opened. Throws the faults of `KeyFiles.loadAll`.
   */
  async readKeys(sources: readonly KeySource[]): Promise<readonly CustomerKey[]> {
    const keys = new Map<KeyFingerprint, CustomerKey>();
    const add = (key: CustomerKey | null) => {
      if (key !== null && !keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
    };
    for (const source of sources) {
      if (source.keyId !== null) add(await this.#open(source.keyId));
      for (const key of await this.#services.keyFiles.loadAll(source.path)) {
        await this.#importRawKey(key, source);
        add(key);
      }
    }
    const [first] = sources;
    if (first !== undefined) {
      for (const id of await this.#ownedBy(first.owner)) if (!keys.has(id)) add(await this.#open(id));
    }
    return [...keys.values()];
  }

  /**
   * Imports the raw files of these sources into the keyring, including kept ones, in their order: the first source of a
   * key becomes its owner. Logs failures.
   */
  async importRawKeys(sources: readonly KeySource[]): Promise<void> {
    const found = await mapBounded(sources, parallelReads, (source) => this.#rawKeys(source));
    for (const [index, source] of sources.entries()) {
      for (const key of found[index] ?? []) await this.#importRawKey(key, source);
    }
  }

  /** Returns the keys of the raw files of a source. Logs a failure and returns none. */
  async #rawKeys({ path }: KeySource): Promise<readonly CustomerKey[]> {
    try {
      return await this.#services.keyFiles.loadAll(path);
    } catch (error) {
      this.#warnOnce('cannot read key files', { path, error: Fault.from(error) });
      return [];
    }
  }

  /** Returns the raw files of a source, including kept ones, that hold this key. */
  async rawFilesWith({ path }: KeySource, keyId: KeyFingerprint): Promise<readonly string[]> {
    const paths: string[] = [];
    for (const one of [path, `${path}.${keyId}`]) {
      const key = await this.#services.keyFiles.load(one).catch(() => null);
      if (key?.fingerprint === keyId) paths.push(one);
    }
    return paths;
  }

  /**
   * Returns a function that returns a text for an owner. The text changes whenever the keys of the keyring change
   * that `readKeys` returns for that owner. Returns null if the keyring cannot be read.
   */
  async keyringStamps(): Promise<((owner: KeyOwner) => string) | null> {
    try {
      const keys = await this.#services.keyring.byOwner();
      const unowned = keys.of({ kind: 'none' }).stamp;
      return (owner) => `${keys.of(owner).stamp};${unowned}`;
    } catch {
      return null;
    }
  }

  async #ownedBy(owner: KeyOwner): Promise<readonly KeyFingerprint[]> {
    try {
      const keys = await this.#services.keyring.byOwner();
      return [...keys.of(owner).ids, ...keys.of({ kind: 'none' }).ids];
    } catch (error) {
      this.#warnOnce('cannot read keyring', { error: Fault.from(error) });
      return [];
    }
  }

  async #open(id: KeyFingerprint): Promise<CustomerKey | null> {
    try {
      return await this.#services.keyring.open(id);
    } catch (error) {
      this.#warnOnce('cannot open keyring key', { key: id, error: Fault.from(error) });
      return null;
    }
  }

  async #importRawKey(key: CustomerKey, { owner, path, label }: KeySource): Promise<void> {
    const { fingerprint } = key;
    const { keyring, clock } = this.#services;
    if (this.#imported.has(fingerprint) || clock.monotonicMs() < (this.#retryAtMs.get(fingerprint) ?? 0))
      return;
    try {
      const known = await keyring.describe(fingerprint);
      if (known?.state === 'destroyed') {
        this.#warnOnce('using a key file without a backup: the keyring has destroyed its key', {
          path,
          key: fingerprint,
        });
      } else if (known === null || known.owner.kind === 'none') {
        await keyring.import(key, { label, owner, origin: 'found' });
        this.#services.log.info('imported key file', { path, key: fingerprint });
      }
      this.#imported.add(fingerprint);
    } catch (error) {
      this.#retryAtMs.set(fingerprint, clock.monotonicMs() + retryMs);
      this.#warnOnce('cannot import key file', { path, key: fingerprint, error: Fault.from(error) });
    }
  }

  /** Logs a raw file that is not used because the settings name another key. */
  async #logUnusedRawKey(source: KeySource, keyId: KeyFingerprint): Promise<void> {
    const setting = describeSetting(source);
    const logged = `${setting} ${source.path}`;
    if (this.#logged.has(logged)) return;
    this.#logged.add(logged);
    const raw = await this.#services.keyFiles.load(source.path).catch(() => null);
    if (raw === null) return;
    await this.#importRawKey(raw, source);
    if (raw.fingerprint === keyId) return;
    this.#services.log.info('key file not used: the settings name another key', {
      path: source.path,
      key: raw.fingerprint,
      setting,
    });
  }

  #warnOnce(message: string, fields: LogFields & { readonly error?: Fault }): void {
    const text = [message, fields['path'], fields['key'], fields.error?.hint].join(' ');
    if (this.#logged.has(text)) return;
    this.#logged.add(text);
    this.#services.log.warn(message, fields);
  }
}

/** Returns the setting that names the key of a source, with its file. */
function describeSetting({ propertiesPath, keyIdProperty, keyId }: KeySource): string {
  return `${propertiesPath}: ${keyIdProperty}=${keyId}`;
}

function isSameOwner(a: KeyOwner, b: KeyOwner): boolean {
  return a.kind === 'user' && b.kind === 'user' ? a.username === b.username : a.kind === b.kind;
}
