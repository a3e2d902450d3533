import type { Clock, Entropy, Logger } from '../model/call.js';
import { CustomerKey, customerKeyBytes, type KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type {
  Adoption,
  KeyDescription,
  KeyOrigin,
  Keyring,
  KeyringCustody,
  KeyState,
  KeysByOwner,
  NewKey,
  SealedKeyring,
  SealedKeyringFile,
} from '../model/keyring.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { type AgeIdentity, parseAgeIdentity, parseAgeRecipient } from './age.js';
import { GatewayIdentity } from './gateway-identity.js';
import { describeKey, type KeyRecord, parseKeyLabel } from './key-record.js';
import { filesToPut, readAllFiles } from './keyring-copy.js';
import { type KeyEntry, KeyringFiles, type KeyringSnapshot, recipientsFileName } from './keyring-files.js';
import { KeyringLock } from './keyring-lock.js';
import { findProblems } from './keyring-problems.js';
import { OwnerIndex } from './owner-index.js';
import { RecoveryRecipients } from './recovery-recipients.js';
import { noIdentity, SealedKeys } from './sealed-keys.js';
import { settleKeyring } from './settle-keyring.js';

/** The paths and dependencies of a keyring. */
export interface KeyringServices {
  /** `ROOT/opt/sftpgw/keys`. */
  readonly directory: string;
  /** `ROOT/var/lib/sftpgw/keyring-identity`. A copy of the keys does not include it and so opens nothing. */
  readonly identityFile: string;
  readonly lockFile: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
}

/**
 * Opens the custody of SSE-C keys on disk (docs/decisions/0007-keyring.md). Creates and reads each file only
 * when it is needed.
 */
export function createKeyring(services: KeyringServices): Keyring & KeyringCustody & SealedKeyring {
  return new DiskKeyring(services);
}

class DiskKeyring implements Keyring, KeyringCustody, SealedKeyring {
  readonly #services: KeyringServices;
  readonly #files: KeyringFiles;
  readonly #identity: GatewayIdentity;
  readonly #recipients: RecoveryRecipients;
  readonly #sealed: SealedKeys;
  readonly #lock: KeyringLock;
  readonly #listeners = new Set<() => void>();
  /**
   * State after the last repair of a missing description. Repairing the same state again would change
   * nothing.
   */
  #beyondRepair: KeyringSnapshot | null = null;
  /** The last answer of `list`, and the state that it describes. */
  #listed: {
    readonly snapshot: KeyringSnapshot;
    readonly recipients: readonly string[];
    readonly descriptions: readonly KeyDescription[];
  } | null = null;
  #owned: { readonly snapshot: KeyringSnapshot; readonly index: OwnerIndex } | null = null;
  /** The last state without an undescribed key. */
  #checked: KeyringSnapshot | null = null;

  constructor(services: KeyringServices) {
    this.#services = services;
    this.#files = new KeyringFiles(services.directory);
    this.#identity = new GatewayIdentity(services.identityFile);
    this.#recipients = new RecoveryRecipients(this.#files.path(recipientsFileName));
    this.#sealed = new SealedKeys(this.#files, this.#identity, this.#recipients);
    this.#lock = new KeyringLock(services.lockFile, services.clock);
  }

  async generate(key: NewKey): Promise<KeyDescription> {
    const raw = this.#services.entropy.bytes(customerKeyBytes);
    const minted = CustomerKey.fromBytes(raw);
    raw.fill(0);
    return await this.import(minted, { ...key, origin: 'generated' });
  }

  async import(key: CustomerKey, as: NewKey & { readonly origin: KeyOrigin }): Promise<KeyDescription> {
    const label = parseKeyLabel(as.label);
    return await this.#change(async () => {
      const entry = await this.#files.entry(key.fingerprint);
      if (entry !== null && entry.recordProblem !== null) throw entry.recordProblem;
      const known = entry?.record ?? null;
      if (known?.state === 'destroyed') {
        throw new Fault('conflict', `the key ${key.fingerprint} was destroyed and cannot be imported again`);
      }
      if (known !== null && entry?.hasSealedFile === true) return await this.#fillIn(known, label, as);
      const record: KeyRecord = known ?? {
        id: key.fingerprint,
        md5Base64: key.md5Base64,
        label,
        owner: as.owner,
        origin: as.origin,
        createdMs: this.#services.clock.nowMs(),
        state: 'active',
        stateChangedMs: null,
        sealedTo: [],
      };
      return await this.#describe(await this.#sealed.write(key, record));
    });
  }

  async open(id: KeyFingerprint): Promise<CustomerKey | null> {
    const entry = await this.#files.entry(id);
    if (entry === null || entry.record?.state === 'destroyed') return null;
    return await this.#sealed.open(id);
  }

  async describe(id: KeyFingerprint): Promise<KeyDescription | null> {
    let entry = await this.#files.entry(id);
    if (entry !== null && isUndescribed(entry)) {
      await this.repair();
      entry = await this.#files.entry(id);
    }
    if (entry === null) return null;
    if (entry.recordProblem !== null) throw entry.recordProblem;
    return entry.record === null ? null : await this.#describe(entry.record);
  }

  async list(): Promise<readonly KeyDescription[]> {
    const snapshot = await this.#described();
    const recipients = await this.#recipients.read();
    if (this.#listed?.snapshot === snapshot && this.#listed.recipients === recipients)
      return this.#listed.descriptions;
    const descriptions: KeyDescription[] = [];
    for (const { record } of snapshot.entries.values()) {
      if (record !== null) descriptions.push(describeKey(record, recipients));
    }
    descriptions.sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    this.#listed = { snapshot, recipients, descriptions };
    return descriptions;
  }

  async byOwner(): Promise<KeysByOwner> {
    const snapshot = await this.#described();
    if (this.#owned?.snapshot !== snapshot) this.#owned = { snapshot, index: new OwnerIndex(snapshot) };
    return this.#owned.index;
  }

  async retire(id: KeyFingerprint): Promise<void> {
    await this.#change(async () => {
      const record = await this.#recordOf(id);
      if (record.state === 'active') await this.#files.writeRecord(this.#inState(record, 'retired'));
    });
  }

  async destroy(proof: UnusedKeyProof): Promise<void> {
    await this.#change(async () => {
      const record = await this.#recordOf(proof.keyId);
      // Once the description is written, the key is never opened again. After a crash `settleKeyring`
      // removes the file.
      if (record.state !== 'destroyed')
        await this.#files.writeRecord({ ...this.#inState(record, 'destroyed'), sealedTo: [] });
      await this.#sealed.remove(proof.keyId);
    });
  }

  async gatewayRecipient(): Promise<string | null> {
    return (await this.#identity.read())?.recipient ?? null;
  }

  recoveryRecipients(): Promise<readonly string[]> {
    return this.#recipients.read();
  }

  async addRecoveryRecipient(text: string): Promise<void> {
    const recipient = await parseAgeRecipient(text);
    await this.#change(async () => {
      if (!(await this.#recipients.read()).includes(recipient)) {
        await this.#files.write(recipientsFileName, await this.#recipients.textWith(recipient));
      }
      await this.#settle();
    });
  }

  repair(): Promise<readonly string[]> {
    return this.#locked(() => this.#settle());
  }

  async adopt(identityText: string): Promise<Adoption> {
    const other = await parseAgeIdentity(identityText);
    return await this.#locked(async () => {
      await this.#identity.readOrMake();
      const before = await this.#unopened();
      await this.#settle(other);
      const left = await this.#unopened();
      return { adopted: before.filter((id) => !left.includes(id)), left };
    });
  }

  async problems(maxOpened = Infinity): Promise<readonly string[]> {
    return await findProblems(this.#files, this.#identity, this.#recipients, this.#sealed, maxOpened);
  }

  files(): Promise<readonly SealedKeyringFile[]> {
    return readAllFiles(this.#files, (work) => this.#lock.hold(work));
  }

  put(files: readonly SealedKeyringFile[]): Promise<readonly string[]> {
    return this.#locked(async () => {
      const { wanted, leftOut } = await filesToPut(this.#files, files);
      for (const { name, bytes } of wanted) await this.#files.write(name, bytes);
      return leftOut;
    });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Runs a change that needs the gateway's identity. The first key generates the identity. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#locked(async () => {
      const isSealed = (await this.#files.snapshotToChange()).hasSealedFiles;
      const identity = isSealed ? await this.#identity.read() : await this.#identity.readOrMake();
      if (identity === null) throw noIdentity(this.#identity.path, this.#files.directory);
      await this.#settle();
      return await work();
    });
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#files.changes;
    try {
      return await this.#lock.hold(work);
    } finally {
      // Listeners are called after a failure too, because files may have been written.
      if (this.#files.changes !== before) this.#notifyListeners();
    }
  }

  #notifyListeners(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#services.log.error('keyring listener failed', { error: Fault.from(error) });
      }
    }
  }

  #settle(other: AgeIdentity | null = null): Promise<readonly string[]> {
    const nowMs = this.#services.clock.nowMs();
    return settleKeyring({ files: this.#files, sealed: this.#sealed, nowMs, other });
  }

  /** Lists the directory, and first repairs descriptions that a crash left out. */
  async #described(): Promise<KeyringSnapshot> {
    const snapshot = await this.#files.snapshot();
    if (snapshot === this.#beyondRepair || snapshot === this.#checked) return snapshot;
    if (![...snapshot.entries.values()].some(isUndescribed)) {
      this.#checked = snapshot;
      return snapshot;
    }
    await this.repair();
    const repaired = await this.#files.snapshot();
    this.#beyondRepair = repaired;
    return repaired;
  }

  async #describe(record: KeyRecord): Promise<KeyDescription> {
    return describeKey(record, await this.#recipients.read());
  }

  async #recordOf(id: KeyFingerprint): Promise<KeyRecord> {
    const entry = await this.#files.entry(id);
    if (entry?.recordProblem) throw entry.recordProblem;
    if (!entry?.record) throw new Fault('not-found', `no key ${id} in ${this.#files.directory}`);
    return entry.record;
  }

  #inState(record: KeyRecord, state: KeyState): KeyRecord {
    return { ...record, state, stateChangedMs: this.#services.clock.nowMs() };
  }

  async #fillIn(known: KeyRecord, label: string, { owner }: NewKey): Promise<KeyDescription> {
    const filled: KeyRecord = {
      ...known,
      label: known.label === '' ? label : known.label,
      owner: known.owner.kind === 'none' ? owner : known.owner,
    };
    if (filled.label !== known.label || filled.owner !== known.owner) await this.#files.writeRecord(filled);
    return await this.#describe(filled);
  }

  async #unopened(): Promise<readonly KeyFingerprint[]> {
    const ids: KeyFingerprint[] = [];
    for (const { id, record, hasSealedFile } of (await this.#files.snapshot()).entries.values()) {
      if (!hasSealedFile || record?.state === 'destroyed') continue;
      if ((await this.#sealed.tryOpen(id)).kind === 'failed') ids.push(id);
    }
    return ids;
  }
}

/** Reports whether the key has a sealed file only, after a crash or an incomplete copy. */
function isUndescribed({ record, recordProblem }: KeyEntry): boolean {
  return record === null && recordProblem === null;
}
