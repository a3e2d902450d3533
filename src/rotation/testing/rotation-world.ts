import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { createKeyUsage } from '../../database/ledger/key-usage.js';
import { createKeyLedger } from '../../database/ledger/ledger.js';
import { createParkedUploads } from '../../database/ledger/parked.js';
import { createLedgerVersions } from '../../database/ledger/versions.js';
import { createRotationJobs } from '../../database/rotation-jobs.js';
import type { Clock } from '../../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../../model/customer-key.js';
import type { KeyLedger } from '../../model/ledger.js';
import type { NewRotation, RotationJob, RotationJobs } from '../../model/rotation.js';
import { createVault, type RunningVault } from '../../vault/create-vault.js';
import { MemoryStore, type MemoryStoreOptions } from '../../vault/testing/memory-store.js';
import {
  call,
  keyNamed,
  quickClock,
  refOf,
  seededEntropy,
  targetOf,
} from '../../vault/testing/vault-world.js';
import { runRotation } from '../rotation.js';
import type { RotationServices } from '../services.js';

export const oldKey = keyNamed('old');
export const newKey = keyNamed('new');

/** Store, keys and clock of the test. */
export interface WorldOptions {
  readonly store?: MemoryStoreOptions;
  readonly keys?: readonly CustomerKey[];
  readonly clock?: Clock;
}

/**
 * The user `alice` in an in-memory bucket, with the real ledger and everything that a rotation of the user's
 * key needs.
 */
export class RotationWorld implements AsyncDisposable {
  readonly store: MemoryStore;
  readonly retired: KeyFingerprint[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'rotation-'));
  readonly #options: WorldOptions;
  #opened: Opened | null = null;
  #starts = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.store = new MemoryStore(options.store ?? {});
  }

  static async open(options: WorldOptions = {}): Promise<RotationWorld> {
    const world = new RotationWorld(options);
    await world.restart();
    return world;
  }

  get opened(): Opened {
    if (this.#opened === null) throw new Error('the world is not open');
    return this.#opened;
  }

  /** Starts a new process over the durable state. */
  async restart(): Promise<void> {
    await this.#opened?.close();
    this.#starts += 1;
    const clock = this.#options.clock ?? { ...quickClock, nowMs: () => Date.now() + this.#starts };
    const database = await openTestDatabase(join(this.#directory, 'db'));
    const ledger = createKeyLedger(database, clock, seededEntropy(`ledger ${this.#starts}`));
    const vault = createVault({
      store: this.store,
      ledger,
      parked: createParkedUploads(database, clock),
      clock,
      entropy: seededEntropy(`vault ${this.#starts}`),
      scratchDirectory: join(this.#directory, 'scratch'),
    });
    const jobs = createRotationJobs(database, clock, seededEntropy(`jobs ${this.#starts}`));
    const keys = this.#options.keys ?? [newKey, oldKey];
    const services: RotationServices = {
      jobs,
      vault,
      store: this.store,
      versions: createLedgerVersions(database, clock, seededEntropy(`versions ${this.#starts}`)),
      usage: createKeyUsage(database, clock),
      clock,
      keysOf: async () => keys,
      aclOf: async () => null,
      retire: async (key) => void this.retired.push(key),
      patienceMs: 0,
    };
    const close = async () => {
      await vault[Symbol.asyncDispose]();
      await database.close();
    };
    this.#opened = { vault, ledger, jobs, services, close };
    await vault.settlePending(call(), { keysOf: async () => keys });
  }

  async put(key: string, bytes: Buffer, sealing: CustomerKey | null = oldKey): Promise<void> {
    const encryption =
      sealing === null ? ({ kind: 'sse-s3' } as const) : ({ kind: 'sse-c', key: sealing } as const);
    await using writer = await this.opened.vault.openUpload(call(), targetOf(key, { encryption }));
    if (bytes.byteLength > 0) await writer.write(0, [bytes]);
    await writer.commit(call());
  }

  begin(change: Partial<NewRotation> = {}): Promise<RotationJob> {
    return this.opened.jobs.begin({
      username: 'alice',
      bucket: 'bucket',
      prefix: 'alice/',
      newKey: newKey.fingerprint,
      oldKeys: [oldKey.fingerprint],
      versions: 'keep',
      pace: { objectsPerSecond: null, bytesPerSecond: null, parallel: 4 },
      ...change,
    });
  }

  run(job: RotationJob, signal?: AbortSignal): Promise<RotationJob> {
    return runRotation(this.opened.services, call(signal), job);
  }

  /**
   * Returns the fingerprint of the key that encrypts the object. Null without a key, or without an object.
   */
  keyAt(key: string): KeyFingerprint | null {
    const sealing = this.store.encryptionOf(refOf(key));
    return sealing?.kind === 'sse-c' ? sealing.key.fingerprint : null;
  }

  /** Returns the key that the ledger has for the object. */
  async keyByLedger(key: string): Promise<KeyFingerprint | null> {
    const [row] = await this.opened.ledger.candidates(refOf(key));
    return row?.sealedWith.kind === 'sse-c' ? row.sealedWith.fingerprint : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

interface Opened {
  readonly vault: RunningVault;
  readonly ledger: KeyLedger;
  readonly jobs: RotationJobs;
  readonly services: RotationServices;
  close(): Promise<void>;
}
