import type { Clock, Logger } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import type { KeyDescription, KeyOwner, Keyring, KeyringCustody } from '../model/keyring.js';
import type { KeySource } from './key-sources.js';

export interface UserKeysServices {
  readonly keyFiles: KeyFiles;
  readonly keyring: Pick<Keyring, 'import' | 'open' | 'describe' | 'list'> &
    Pick<KeyringCustody, 'recoveryRecipients'>;
  /** Asked at each use: the setting `sse-c.require.recovery`. */
  readonly requiresRecovery: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A key that could not be taken in is tried again after this long. */
const againMs = 60_000;

/**
 * The keys of users and of the shared directory: those of raw files, and those of the keyring. A raw key is taken into the keyring when it
 * is seen; when that fails it is used all the same, and the log says so.
 */
export class UserKeys {
  readonly #services: UserKeysServices;
  /** Keys that the keyring has, as far as this process has seen. */
  readonly #taken = new Set<KeyFingerprint>();
  readonly #notBefore = new Map<KeyFingerprint, number>();
  /** What has been logged. */
  readonly #logged = new Set<string>();

  constructor(services: UserKeysServices) {
    this.#services = services;
  }

  /**
   * The key that new objects of a place are sealed with: the one that the settings name, else that of the raw file. Null when there is
   * neither. Throws `key-missing` (a named key that the keyring does not have), `conflict` (one that is retired), `denied` (no recovery recipient,
   * and the settings want one), and the faults of the file and of the keyring.
   */
  async writeKey(source: KeySource): Promise<CustomerKey | null> {
    await this.requireRecovery();
    if (source.keyId === null) return await this.currentKey(source);
    await this.requireWritable(source.keyId, source);
    return await this.currentKey(source);
  }

  /** As `writeKey`, whether or not it may be written with. */
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

  /** Throws `key-missing` or `conflict` for a key of the keyring that nothing may be sealed with. */
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
        `${where}the key ${keyId} is retired: it only opens what it sealed. Take another (sftpgw key use)`,
      );
    }
    return description;
  }

  /** Throws `denied` while the settings want a recovery recipient and there is none. */
  async requireRecovery(): Promise<void> {
    if (!this.#services.requiresRecovery()) return;
    if ((await this.#services.keyring.recoveryRecipients()).length > 0) return;
    throw new Fault(
      'denied',
      'nothing is sealed with a customer key while there is no recovery recipient (sse-c.require.recovery=yes): run `sftpgw recovery init`',
    );
  }

  /** As `requireWritable`, and `conflict` for a key that is somebody else's: it would not be among those that open the place later. */
  async requireUsableIn(keyId: KeyFingerprint, source: KeySource): Promise<void> {
    const { owner } = await this.requireWritable(keyId);
    if (owner.kind === 'none' || isSameOwner(owner, source.owner)) return;
    const whose = owner.kind === 'user' ? `the user ${owner.username}` : 'the shared directory';
    throw new Fault(
      'conflict',
      `the key ${keyId} belongs to ${whose}: make one that belongs to nobody or here (sftpgw key generate)`,
    );
  }

  /** Writes the raw file of a place; faults as `KeyFiles.store`. */
  async store(key: CustomerKey, source: KeySource): Promise<void> {
    await this.#services.keyFiles.store(source.path, key);
  }

  /** Takes a key into the keyring for a place. Faults as `Keyring.import`. */
  async import(key: CustomerKey, source: KeySource, origin: 'generated' | 'imported'): Promise<void> {
    await this.#services.keyring.import(key, { label: source.label, owner: source.owner, origin });
    this.#taken.add(key.fingerprint);
  }

  /**
   * Every key that may open what lies in the places of one owner, the likeliest first: of each place the named key, the raw file, the kept
   * ones; then the owner's keys in the keyring, then those without an owner; of these the active ones first, then the newest. A key that
   * cannot be had is logged and left out; only the faults of `KeyFiles.loadAll` come out.
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

  /** Takes the raw files of these places into the keyring, the kept ones too. What goes wrong is logged. */
  async importRawKeys(sources: readonly KeySource[]): Promise<void> {
    for (const source of sources) {
      try {
        for (const key of await this.#services.keyFiles.loadAll(source.path))
          await this.#importRawKey(key, source);
      } catch (error) {
        this.#warnOnce(`${source.path}: the keys cannot be looked for`, Fault.from(error));
      }
    }
  }

  /** The raw files of a place, the kept ones too, that hold this key. */
  async rawFilesWith({ path }: KeySource, keyId: KeyFingerprint): Promise<readonly string[]> {
    const paths: string[] = [];
    for (const one of [path, `${path}.${keyId}`]) {
      const key = await this.#services.keyFiles.load(one).catch(() => null);
      if (key?.fingerprint === keyId) paths.push(one);
    }
    return paths;
  }

  async #ownedBy(owner: KeyOwner): Promise<readonly KeyFingerprint[]> {
    let all: readonly KeyDescription[];
    try {
      all = await this.#services.keyring.list();
    } catch (error) {
      this.#warnOnce('the keyring cannot be read', Fault.from(error));
      return [];
    }
    const newestFirst = [...all].reverse().filter(({ state }) => state !== 'destroyed');
    const own = newestFirst.filter((key) => isSameOwner(key.owner, owner));
    const unowned = newestFirst.filter((key) => key.owner.kind === 'none');
    return [own, unowned].flatMap((keys) => [
      ...keys.filter(({ state }) => state === 'active').map(({ id }) => id),
      ...keys.filter(({ state }) => state === 'retired').map(({ id }) => id),
    ]);
  }

  async #open(id: KeyFingerprint): Promise<CustomerKey | null> {
    try {
      return await this.#services.keyring.open(id);
    } catch (error) {
      this.#warnOnce('a key of the keyring cannot be opened', Fault.from(error));
      return null;
    }
  }

  async #importRawKey(key: CustomerKey, { owner, path, label }: KeySource): Promise<void> {
    const { fingerprint } = key;
    const { keyring, clock } = this.#services;
    if (this.#taken.has(fingerprint) || clock.monotonicMs() < (this.#notBefore.get(fingerprint) ?? 0)) return;
    try {
      const known = await keyring.describe(fingerprint);
      if (known?.state === 'destroyed') {
        this.#warnOnce(
          `${path} holds the key ${fingerprint}, which the keyring has destroyed; it is used, and in no backup`,
        );
      } else if (known === null || known.owner.kind === 'none') {
        await keyring.import(key, { label, owner, origin: 'found' });
        this.#services.log.info('a key file is taken into the keyring', { path, key: fingerprint });
      }
      this.#taken.add(fingerprint);
    } catch (error) {
      this.#notBefore.set(fingerprint, clock.monotonicMs() + againMs);
      this.#warnOnce(`${path}: the key cannot be taken into the keyring`, Fault.from(error));
    }
  }

  /** The settings name a key and there is a raw file with another: the name counts, and a person may have meant the file. */
  async #logUnusedRawKey(source: KeySource, keyId: KeyFingerprint): Promise<void> {
    const text = `${describeSetting(source)} counts, not the key in ${source.path}`;
    if (this.#logged.has(text)) return;
    this.#logged.add(text);
    const raw = await this.#services.keyFiles.load(source.path).catch(() => null);
    if (raw === null) return;
    await this.#importRawKey(raw, source);
    if (raw.fingerprint !== keyId) this.#services.log.info(text, { path: source.path, key: raw.fingerprint });
  }

  #warnOnce(message: string, error?: Fault): void {
    const text = `${message}: ${error?.hint ?? ''}`;
    if (this.#logged.has(text)) return;
    this.#logged.add(text);
    this.#services.log.warn(message, { error });
  }
}

/** The setting that names the key of a place, as it stands in its file. */
function describeSetting({ propertiesPath, keyIdProperty, keyId }: KeySource): string {
  return `${propertiesPath}: ${keyIdProperty}=${keyId}`;
}

function isSameOwner(a: KeyOwner, b: KeyOwner): boolean {
  return a.kind === 'user' && b.kind === 'user' ? a.username === b.username : a.kind === b.kind;
}
