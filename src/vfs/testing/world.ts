import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, LogFields, Logger } from '../../model/call.js';
import { CustomerKey } from '../../model/customer-key.js';
import type { WriteEncryption } from '../../model/encryption.js';
import type { UserSettings } from '../../model/users.js';
import type { Attributes, Vfs, WriteMode } from '../../model/vfs.js';
import { createVfsFactory, type UploadingVfsFactory } from '../factory.js';
import { ListedNames } from '../objects/listed-names.js';
import { FakeS3 } from './fake-s3.js';
import { FakeVault } from './fake-vault.js';
import { settingsIn } from './user-settings.js';

/** The user's customer key. */
export const firstKey = CustomerKey.fromBytes(new Uint8Array(32).fill(1));
export const secondKey = CustomerKey.fromBytes(new Uint8Array(32).fill(2));

/** The open mode of OpenSSH's `put`; `scp` omits `truncate`. */
export const putMode: WriteMode = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
};
export const scpMode: WriteMode = { ...putMode, truncate: false };

/** A user with a bucket in memory and directories on disk, with everything that a test can change. */
export class World implements AsyncDisposable {
  readonly directory: string;
  readonly s3 = new FakeS3();
  readonly vault = new FakeVault(this.s3);
  readonly logged: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  readonly call: Call;
  factory: UploadingVfsFactory;
  settings: UserSettings | null;
  keys: readonly CustomerKey[] = [firstKey];
  downloadKeys: readonly CustomerKey[] = [firstKey];
  /** Removals requested from the mirror: name, path and actor. */
  readonly removedFiles: string[] = [];
  /** Mirrors that open sessions see. */
  readonly watched: string[] = [];
  encryption: WriteEncryption = { kind: 'sse-c', key: firstKey };
  nowMs = 1_800_000_000_000;
  /** Applies from the next `restart`. */
  listsParked = false;
  /** Time in milliseconds that listed directories are remembered. Applies from the next `restart`. */
  listingCacheMs = 2_000;

  #listingsAheadMs = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.settings = settingsIn(directory, this.s3.bucket);
    this.call = { id: 'call', signal: new AbortController().signal, log: this.#logger() };
    this.vault.nowMs = () => this.nowMs;
    this.factory = this.#newFactory(60_000);
  }

  #newFactory(resumeWindowMs: number): UploadingVfsFactory {
    const clock = {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      // These tests wait for nothing.
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    };
    const ahead = { ...clock, monotonicMs: () => this.nowMs + this.#listingsAheadMs };
    const listedNames = new ListedNames(ahead, this.listingCacheMs);
    this.vault.changes = listedNames;
    return createVfsFactory({
      listedNames,
      clock,
      parked: this.vault,
      resumeWindowMs,
      listsParked: this.listsParked,
      renameLimit: 20,
      users: {
        settings: async () => this.settings,
        uploadEncryption: async () => this.encryption,
        uploadKeys: async () => this.keys,
        downloadKeys: async () => this.downloadKeys,
      },
      mirror: {
        sessionOpened: (names) => {
          this.watched.push(...names);
          return () => {
            this.watched.splice(0, names.length);
          };
        },
        removeFile: async (_call, name, path, actor) => {
          this.removedFiles.push(`${name} ${path} ${actor}`);
        },
      },
      vault: this.vault,
      store: this.s3,
      ledger: this.vault,
      versions: this.vault,
      nodes: null,
    });
  }

  static async make(): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), 'vfs-')));
  }

  /** Opens a session of the user. */
  async login(): Promise<Session> {
    const tree = await this.factory.forUser(this.call, 'bob');
    if (tree === null) throw new Error('the user does not exist');
    return new Session(tree, this.call);
  }

  /** Opens a session in another process over the same bucket. */
  async restart(resumeWindowMs = 60_000): Promise<Session> {
    this.factory = this.#newFactory(resumeWindowMs);
    await this.factory.parkedFiles.restore();
    return await this.login();
  }

  /** Lets every listing of before expire, as time does. Then the changes of other clients are seen. */
  expireListings(): void {
    this.#listingsAheadMs += this.listingCacheMs;
  }

  change(change: Partial<UserSettings>): void {
    if (this.settings !== null) this.settings = { ...this.settings, ...change };
  }

  /** Returns the keys in the bucket without the user's prefix. */
  keysInS3(): readonly string[] {
    return [...this.s3.objects.keys()].map((key) => key.replace('bob/uploads/', '')).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  #logger(): Logger {
    const log = (message: string, fields?: LogFields) => {
      this.logged.push({ message, fields });
    };
    const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
    return logger;
  }
}

/** Operations of a client, one method each. */
export class Session {
  readonly tree: Vfs;
  readonly #call: Call;

  constructor(tree: Vfs, call: Call) {
    this.tree = tree;
    this.#call = call;
  }

  async write(path: string, content: Uint8Array | string, mode: WriteMode = putMode): Promise<void> {
    await using handle = await this.tree.openWrite(this.#call, path, mode);
    const bytes = Buffer.from(content);
    if (bytes.byteLength > 0) await handle.write(this.#call, 0, [bytes]);
    await handle.commit(this.#call);
  }

  async read(path: string): Promise<string> {
    await using handle = await this.tree.openRead(this.#call, path);
    const views: Uint8Array[] = [];
    for (let offset = 0; ; ) {
      const next = await handle.read(this.#call, offset, 5);
      if (next === null) return Buffer.concat(views).toString();
      views.push(...next);
      offset += next.reduce((sum, view) => sum + view.byteLength, 0);
    }
  }

  stat(path: string): Promise<Attributes | null> {
    return this.tree.stat(this.#call, path);
  }

  lstat(path: string): Promise<Attributes | null> {
    return this.tree.lstat(this.#call, path);
  }

  /** Returns sorted names, with `/` behind directories and `@` behind links. */
  async list(path: string): Promise<readonly string[]> {
    const marks = { directory: '/', symlink: '@', file: '' };
    return [...(await this.entries(path))].map(([name, { type }]) => name + marks[type]).sort();
  }

  /** Throws if a name is listed twice. */
  async entries(path: string): Promise<ReadonlyMap<string, Attributes>> {
    const found = new Map<string, Attributes>();
    for await (const batch of this.tree.list(this.#call, path))
      for (const { name, attributes } of batch) {
        if (found.has(name)) throw new Error(`${name} is listed twice`);
        found.set(name, attributes);
      }
    return found;
  }

  mkdir(path: string): Promise<void> {
    return this.tree.makeDirectory(this.#call, path);
  }

  rmdir(path: string): Promise<void> {
    return this.tree.removeDirectory(this.#call, path);
  }

  remove(path: string): Promise<void> {
    return this.tree.remove(this.#call, path);
  }

  rename(from: string, to: string, replace = false): Promise<void> {
    return this.tree.rename(this.#call, from, to, replace);
  }
}
