import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AgeIdentity } from '../../keyring/age.js';
import { createKeyFiles } from '../../keyring/key-files.js';
import {
  type KeyringWorld,
  keyringWorld,
  testClock,
  testEntropy,
} from '../../keyring/testing/keyring-world.js';
import type { Call, Logger } from '../../model/call.js';
import { importKeyFiles } from '../../users/key-import.js';
import { testKeys } from '../../users/testing/test-keys.js';
import type { UserDirectoryServices } from '../../users/user-directory.js';
import type { MemoryStore } from '../../vault/testing/memory-store.js';
import { snapshotSigner } from '../authenticity.js';
import { BucketCopy, type BucketCopyServices } from '../bucket-copy.js';
import { CopyBucket } from '../copy-bucket.js';
import { findSnapshot } from '../find-snapshot.js';
import { importKeys } from '../import-keys.js';
import { restoreRecipients, restoreSnapshot } from '../restore.js';
import { signerDirectory } from '../snapshot-paths.js';

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
export const call: Call = { id: 'test', signal: new AbortController().signal, log: quiet };
export const bucket = 'bucket';

/** A machine: a root with users and a keyring, and its copy in the bucket. */
export class Machine implements AsyncDisposable {
  readonly world: KeyringWorld;
  readonly keyring: ReturnType<KeyringWorld['open']>;
  readonly services: UserDirectoryServices;
  readonly stateFile: string;
  isWanted = true;
  copy: BucketCopy;

  private constructor(world: KeyringWorld, store: MemoryStore) {
    this.world = world;
    this.keyring = world.open();
    this.stateFile = join(world.root, 'var/lib/sftpgw/bucket-copy.json');
    this.services = {
      directories: {
        homes: join(world.root, 'home'),
        shared: join(world.root, 'opt/sftpgw/shared'),
        removed: join(world.root, 'var/lib/sftpgw/removed'),
      },
      defaults: () => ({ bucket }),
      keys: testKeys(world.root, quiet).keys,
      clock: testClock,
      entropy: testEntropy,
      passwordCost: { ln: 10, r: 8, p: 1 },
    };
    this.copy = this.process(store);
  }

  static async make(store: MemoryStore): Promise<Machine> {
    return new Machine(await keyringWorld(), store);
  }

  /** Opens the copy as another process of this root. Its `alone` does not exclude other processes. */
  process(store: MemoryStore, change: Partial<BucketCopyServices> = {}): BucketCopy {
    return new BucketCopy({
      root: this.world.root,
      store,
      keyring: this.world.open(),
      keyFiles: createKeyFiles(quiet),
      importKeyFiles: () =>
        importKeyFiles({
          ...this.services,
          sharedSettingsDirectory: join(this.world.root, 'root/.sftpgateway'),
        }),
      stateFile: this.stateFile,
      alone: (work) => work(),
      bucket: () => bucket,
      isShared: false,
      isWanted: () => this.isWanted,
      clock: testClock,
      entropy: testEntropy,
      ...change,
    });
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(this.world.root, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(this.world.root, path), content, { mode: 0o600 });
  }

  read(path: string): Promise<Buffer> {
    return readFile(join(this.world.root, path));
  }

  /** Adds a recovery identity as `recovery init` does. */
  async initRecovery(identity = this.world.recovery): Promise<void> {
    const signer = snapshotSigner(identity.secret);
    await this.write(`${signerDirectory}/${signer.name}`, signer.key);
    await this.keyring.addRecoveryRecipient(identity.recipient);
  }

  async recover(
    store: MemoryStore,
    identity: AgeIdentity,
    acceptUnsigned = false,
    onFile: () => void = () => undefined,
  ) {
    const from = new CopyBucket(store, bucket);
    const { secret } = identity;
    const found = await findSnapshot(call, from, identity, acceptUnsigned);
    await mkdir(join(this.world.root, 'var/lib/sftpgw'), { recursive: true });
    await restoreRecipients(found.snapshot, this.world.root);
    const keys = await importKeys(call, from, { ...identity, secret }, this.keyring, () => undefined);
    const restored = await restoreSnapshot(found.snapshot, {
      root: this.world.root,
      directories: this.services.directories,
      keyring: this.keyring,
      stateDirectory: join(this.world.root, 'var/lib/sftpgw'),
      onFile,
    });
    return { found, keys, restored };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}
