import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createKeyLedger } from '../../src/database/ledger/ledger.js';
import { createParkedUploads } from '../../src/database/ledger/parked.js';
import { createLedgerVersions } from '../../src/database/ledger/versions.js';
import { openDatabase } from '../../src/database/sqlite/open.js';
import type { Call, Logger } from '../../src/model/call.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { WriteEncryption } from '../../src/model/encryption.js';
import type { KeyLedger } from '../../src/model/ledger.js';
import { type Measures, noMeasures } from '../../src/model/measures.js';
import type { UserSettings } from '../../src/model/users.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import type { S3ObjectStore } from '../../src/s3/routing/s3-object-store.js';
import { createVault } from '../../src/vault/create-vault.js';
import { createVfsFactory, type UploadingVfsFactory } from '../../src/vfs/factory.js';
import { ListedNames } from '../../src/vfs/objects/listed-names.js';
import { settingsIn } from '../../src/vfs/testing/user-settings.js';
import { Session } from '../../src/vfs/testing/world.js';
import type { S3Target } from './s3-targets.js';

const silence = () => undefined;
const log: Logger = { debug: silence, info: silence, warn: silence, error: silence, child: () => log };

/** Time that a listed directory is remembered, as by default in a gateway. */
export const listingCacheMs = 2_000;

/** Returns a new customer key. */
export const newKey = () => CustomerKey.fromBytes(systemEntropy.bytes(32));

/** The tree of bob over the real vault, ledger and S3 adapter. Only his settings and keys are fake. */
export class UploadTree implements AsyncDisposable {
  readonly call: Call = { id: 'call', signal: new AbortController().signal, log };
  readonly bucket: string;
  readonly store: S3ObjectStore;
  readonly ledger: KeyLedger;
  readonly factory: UploadingVfsFactory;
  /** The keys of bob, the current one first. Without a key he uses SSE-S3. */
  keys: readonly CustomerKey[] = [newKey()];
  settings: UserSettings;
  readonly #ends: AsyncDisposableStack;

  private constructor(
    parts: Pick<UploadTree, 'bucket' | 'store' | 'ledger'> & {
      readonly directory: string;
      readonly factoryOf: (tree: UploadTree) => UploadingVfsFactory;
    },
    ends: AsyncDisposableStack,
  ) {
    this.bucket = parts.bucket;
    this.store = parts.store;
    this.ledger = parts.ledger;
    this.settings = settingsIn(parts.directory, parts.bucket);
    this.factory = parts.factoryOf(this);
    this.#ends = ends;
    // Like the SFTP session: every open request listens to the signal.
    setMaxListeners(0, this.call.signal);
  }

  /**
   * Opens the tree in a bucket of the target, by default a new one. `measures` counts requests to S3 and
   * commits. `listingsMs` returns the time by which listings expire. Each tree is a gateway of its own.
   */
  static async open(
    target: S3Target,
    {
      measures = noMeasures,
      bucket: given,
      listingsMs = systemClock.monotonicMs,
    }: { measures?: Measures; bucket?: string; listingsMs?: () => number } = {},
  ): Promise<UploadTree> {
    await using ends = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'upload-tree-'));
    ends.defer(() => rm(directory, { recursive: true }));
    const bucket = given ?? (await target.makeBucket());
    const { endpoint, region, credentials, caFile } = target;
    const services = { clock: systemClock, entropy: systemEntropy };
    const access = { endpoint, region, credentials: { ...credentials }, caFile };
    const listedNames = new ListedNames({ ...systemClock, monotonicMs: listingsMs }, listingCacheMs);
    const options = { ...access, ...services, measures, changes: listedNames };
    const store = ends.use(createS3ObjectStore(options));
    const database = await openDatabase(join(directory, 'ledger.sqlite'), measures);
    ends.defer(() => database.close());
    const ledger = createKeyLedger(database, systemClock, systemEntropy);
    const parked = createParkedUploads(database, systemClock);
    const scratchDirectory = join(directory, 'scratch');
    await mkdir(scratchDirectory);
    const vault = ends.use(createVault({ store, ledger, parked, ...services, scratchDirectory }));
    const versions = createLedgerVersions(database, systemClock, systemEntropy);
    const factoryOf = (tree: UploadTree) =>
      createVfsFactory({
        ...{ parked, vault, store, listedNames, ledger, versions },
        nodes: null,
        clock: systemClock,
        users: usersOf(tree),
        resumeWindowMs: 60_000,
        listsParked: false,
        renameLimit: 30,
        mirror: {
          removeFile: () => Promise.reject(new Error('this test has no mirror')),
          sessionOpened: () => () => undefined,
        },
      });
    return new UploadTree({ bucket, store, ledger, directory, factoryOf }, ends.move());
  }

  /** Opens a session of bob. */
  async login(): Promise<Session> {
    const tree = await this.factory.forUser(this.call, 'bob');
    if (tree === null) throw new Error('the user does not exist');
    return new Session(tree, this.call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

function usersOf(tree: UploadTree) {
  return {
    settings: async () => tree.settings,
    uploadEncryption: async (): Promise<WriteEncryption> => {
      const [key] = tree.keys;
      return key === undefined ? { kind: 'sse-s3' } : { kind: 'sse-c', key };
    },
    uploadKeys: async () => tree.keys,
    downloadKeys: async () => tree.keys,
  };
}
