import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { GatewayDatabase } from '../../database/database.js';
import { createKeyLedger } from '../../database/ledger/ledger.js';
import { createParkedUploads } from '../../database/ledger/parked.js';
import { createLedgerRowBatches } from '../../database/ledger/row-batches.js';
import { createLedgerVersions } from '../../database/ledger/versions.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { WriteEncryption } from '../../model/encryption.js';
import type { KeyLedger, LedgerVersions } from '../../model/ledger.js';
import type { PrefixOwner } from '../../model/users/prefix-owners.js';
import { parseUsername } from '../../model/users.js';
import { createVault, type RunningVault } from '../../vault/create-vault.js';
import { MemoryStore, type MemoryStoreOptions } from '../../vault/testing/memory-store.js';
import { call, keyNamed, quickClock, refOf, seededEntropy } from '../../vault/testing/vault-world.js';
import { EncryptionChoice, type EncryptionRequest } from '../encryption-choice.js';
import type { ObjectServices } from '../services.js';
import type { TreeOutcome, TreeWatcher } from '../tree-outcome.js';

export const bobKey = keyNamed('bob');
export const annKey = keyNamed('ann');
export const foreignKey = keyNamed('not in this keyring');
/** Returns SSE-C with this key. */
export const sealed = (key: CustomerKey): WriteEncryption => ({ kind: 'sse-c', key });

/**
 * Object services over an in-memory S3 and the real ledger. Two users have a key each, and a third has none.
 */
export class ObjectWorld implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'objects-test-'));
  readonly store: MemoryStore;
  readonly vault: RunningVault;
  readonly ledger: KeyLedger;
  readonly services: ObjectServices;
  readonly versions: LedgerVersions;
  readonly #database: GatewayDatabase;

  private constructor(store: MemoryStore, database: GatewayDatabase) {
    const entropy = seededEntropy('objects');
    this.store = store;
    this.#database = database;
    this.ledger = createKeyLedger(database, quickClock, entropy);
    this.vault = createVault({
      store,
      ledger: this.ledger,
      parked: createParkedUploads(database, quickClock),
      clock: quickClock,
      entropy,
      scratchDirectory: join(this.directory, 'scratch'),
    });
    this.versions = createLedgerVersions(database, quickClock, entropy);
    this.services = {
      store,
      vault: this.vault,
      removeVersion: (call, ref, versionId) => store.remove(call, ref, { versionId }),
      ledger: this.ledger,
      rows: createLedgerRowBatches(database),
      keys: keysOf([bobKey, annKey]),
      owners: [
        ownerOf('bob', 'bob/uploads/', sealed(bobKey)),
        ownerOf('ann', 'ann/uploads/', sealed(annKey)),
        ownerOf('kim', 'kim/uploads/', { kind: 'sse-s3' }),
      ],
    };
  }

  static async open(options: MemoryStoreOptions = {}): Promise<ObjectWorld> {
    const directory = mkdtempSync(join(tmpdir(), 'objects-db-'));
    const database = await openTestDatabase(join(directory, 'ledger.db'));
    const world = new ObjectWorld(new MemoryStore(options), database);
    world.#cleanUp = () => rmSync(directory, { recursive: true, force: true });
    return world;
  }

  #cleanUp: () => void = () => undefined;

  path(name: string): string {
    return join(this.directory, name);
  }

  choice(request: Partial<EncryptionRequest> = {}): EncryptionChoice {
    const nothing = { given: null, keep: false, allowDowngrade: false, gatewayFiles: false };
    return new EncryptionChoice(this.services.owners, { ...nothing, ...request });
  }

  /** Writes an object through this gateway. */
  async upload(key: string, text: string, encryption: WriteEncryption): Promise<void> {
    const target = { ref: refOf(key), encryption, acl: null, actor: 'bob', mtimeSeconds: 1_700_000_000 };
    await using writer = await this.vault.openUpload(call(), target);
    await writer.write(0, [Buffer.from(text)]);
    await writer.commit(call());
  }

  /** Writes an object as another client does, without the ledger. */
  async putForeign(key: string, text: string, encryption: WriteEncryption): Promise<void> {
    const bytes = Buffer.from(text);
    const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
    const options = { encryption, acl: null, metadata: {}, contentType: null };
    await this.store.put(call(), refOf(key), body, options);
    await this.store.putTags(call(), refOf(key), {});
  }

  textOf(key: string): string | null {
    return this.store.contentOf(refOf(key))?.toString() ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vault[Symbol.asyncDispose]();
    await this.#database.close();
    this.#cleanUp();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Returns the owner of a prefix with this encryption. */
export function ownerOf(name: string, prefix: string, encryption: WriteEncryption): PrefixOwner {
  return {
    name: `the uploads of ${name}`,
    username: parseUsername(name),
    bucket: 'bucket',
    prefix,
    acl: null,
    encryption: async () => encryption,
  };
}

/** Returns an index of these keys. */
export function keysOf(keys: readonly CustomerKey[]): ObjectServices['keys'] {
  const named = keys.map((key) => ({ id: key.fingerprint, label: 'a label', state: 'active' as const, key }));
  return {
    all: async () => keys,
    keysFor: async () => keys,
    describe: async (id) => named.find((one) => one.id === id) ?? null,
    open: async (id) => keys.find(({ fingerprint }) => fingerprint === id) ?? null,
    beginningWith: async (text) => named.filter(({ id }) => id.startsWith(text)),
  };
}

/** Records the outcomes and bytes that it receives. */
export class RecordedOutcomes implements TreeWatcher {
  readonly outcomes: TreeOutcome[] = [];
  bytes = 0;

  took(bytes: number): void {
    this.bytes += bytes;
  }

  settled(outcome: TreeOutcome): void {
    this.outcomes.push(outcome);
  }

  get kinds(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { kind } of this.outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  /** Returns the names that failed, with the kinds of their faults. */
  get failures(): Record<string, string> {
    return Object.fromEntries(
      this.outcomes.flatMap((outcome) =>
        outcome.kind === 'failed' && outcome.error instanceof Error
          ? [[outcome.name, 'kind' in outcome.error ? String(outcome.error.kind) : outcome.error.message]]
          : [],
      ),
    );
  }
}
