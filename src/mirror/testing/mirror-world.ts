import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { GatewayDatabase } from '../../database/database.js';
import { createMirrorState } from '../../database/mirror-state/mirror-state.js';
import type { Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { WriteEncryption } from '../../model/encryption.js';
import type { ClearedDirectory, MirrorPass, MirrorPrefix, MirrorState } from '../../model/mirror.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { createVault, type RunningVault } from '../../vault/create-vault.js';
import { MemoryLedger } from '../../vault/testing/memory-ledger.js';
import { MemoryStore, type MemoryStoreOptions } from '../../vault/testing/memory-store.js';
import { aliceKey, call, quickClock, seededEntropy } from '../../vault/testing/vault-world.js';
import { createMirror, type Mirror } from '../mirror.js';
import type { MirrorSettings } from '../options.js';
import { type PagedObjects, PagedStore } from './paged-store.js';

/** Bucket of the in-memory S3. */
export const bucket = 'bucket';

/** Encryption of a test object: a customer key, or none. */
export type Encryption = CustomerKey | 'plain';

/** A mirror over an in-memory S3, a real database and a real directory. */
export class MirrorWorld implements AsyncDisposable {
  readonly root: string;
  readonly directory: string;
  readonly memory: MemoryStore;
  readonly store: PagedStore;
  readonly bucket: string;
  readonly ledger = new MemoryLedger();
  /** Log lines of the mirror. */
  readonly lines: LogLine[] = [];
  prefix = 'alice/downloads/';
  keys: CustomerKey[] = [aliceKey];
  settings: Partial<MirrorSettings> = { reserveBytes: 0 };
  checkpoint: (step: string) => Promise<void> = async () => undefined;
  /** Mirrored prefixes; the one prefix by default. */
  sources: () => readonly MirrorPrefix[] = () => [this.source()];
  /** Directories to clear, none of them among `sources`. */
  cleared: () => readonly ClearedDirectory[] = () => [];
  /** Clock of the next start. By default, waits end at once. */
  clock: Clock | null = null;
  hasEvents = false;
  #nowMs = 1_700_000_000_000;
  #database: GatewayDatabase | null = null;
  #vault: RunningVault | null = null;
  #mirror: Mirror | null = null;
  #starts = 0;

  constructor(
    options: MemoryStoreOptions & {
      readonly directory?: string;
      readonly pageKeys?: number;
      /** A real S3 instead of the in-memory one. */
      readonly s3?: { readonly store: PagedObjects; readonly bucket: string };
    } = {},
  ) {
    this.root = mkdtempSync(join(tmpdir(), 'mirror-test-'));
    this.directory = options.directory ?? join(this.root, 'downloads');
    this.memory = new MemoryStore({ nowMs: () => this.#nowMs, ...options });
    this.bucket = options.s3?.bucket ?? bucket;
    this.store = new PagedStore(options.s3?.store ?? this.memory, options.pageKeys ?? 7);
  }

  /** Advances the time of S3 and of the mirror. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  source(): MirrorPrefix {
    const { bucket, prefix, directory } = this;
    return {
      name: 'downloads/alice',
      bucket,
      prefix,
      directory,
      keys: async () => this.keys,
      keysStamp: null,
    };
  }

  async state(): Promise<MirrorState> {
    this.#database ??= await openTestDatabase(join(this.root, 'state', 'db'));
    return createMirrorState(this.#database);
  }

  async mirror(): Promise<Mirror> {
    if (this.#mirror !== null) return this.#mirror;
    this.#starts += 1;
    const clock = this.clock ?? { ...quickClock, nowMs: () => this.#nowMs };
    mkdirSync(join(this.root, 'scratch'), { recursive: true });
    const entropy = seededEntropy(`mirror ${this.#starts}`);
    this.#vault = createVault({
      store: this.store,
      ledger: this.ledger,
      parked: this.ledger,
      clock,
      entropy,
      scratchDirectory: join(this.root, 'scratch'),
    });
    this.#mirror = createMirror({
      sources: { list: async () => ({ prefixes: this.sources(), cleared: this.cleared() }) },
      hasEvents: () => this.hasEvents,
      store: this.store,
      vault: this.#vault,
      state: await this.state(),
      clock,
      entropy,
      log: recordingLogger(this.lines),
      settings: () => this.settings,
      checkpoint: (step) => this.checkpoint(step),
    });
    return this.#mirror;
  }

  async run(): Promise<MirrorPass> {
    return (await this.mirror()).runOnce('downloads/alice');
  }

  /**
   * Drops the mirror without stopping it, as kill -9 does. Waits until files that it is still writing are
   * complete.
   */
  async crash(): Promise<void> {
    let seen = '';
    for (let unchanged = 0; unchanged < 4; ) {
      await new Promise((resume) => setTimeout(resume, 4));
      const now = (await this.stagedNames()).join();
      unchanged = now === seen ? unchanged + 1 : 0;
      seen = now;
    }
    this.#mirror = null;
    this.#vault = null;
    this.#database = null;
  }

  /** Closes the mirror and the database. The next use starts new ones. */
  async restart(): Promise<void> {
    await this.#mirror?.[Symbol.asyncDispose]();
    await this.#vault?.[Symbol.asyncDispose]();
    await this.#database?.close();
    this.#mirror = null;
    this.#vault = null;
    this.#database = null;
  }

  async put(
    path: string,
    content: Buffer | string,
    under: Encryption = aliceKey,
    mtime?: number,
  ): Promise<void> {
    this.pass(1000);
    const bytes = Buffer.from(content);
    const encryption: WriteEncryption =
      under === 'plain' ? { kind: 'sse-s3' } : { kind: 'sse-c', key: under };
    const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
    await this.store.put(call(), { bucket: this.bucket, key: this.prefix + path }, body, {
      encryption,
      acl: null,
      metadata: mtime === undefined ? {} : { mtime: String(mtime) },
      contentType: null,
    });
  }

  async remove(path: string): Promise<void> {
    await this.store.remove(call(), { bucket: this.bucket, key: this.prefix + path });
  }

  /** Returns the paths below the prefix that S3 has now. */
  async pathsInS3(): Promise<readonly string[]> {
    const { objects } = await this.memory.list(call(), { bucket, prefix: this.prefix, delimiter: null });
    return objects.map(({ key }) => key.slice(this.prefix.length));
  }

  /** Returns the number of requests for bytes since the last call. */
  takeReads(): number {
    const { reads } = this.store;
    this.store.reads = 0;
    return reads;
  }

  /** Returns everything below the directory: files with their content, directories with null. */
  async onDisk(): Promise<Record<string, string | null>> {
    const found: Record<string, string | null> = {};
    for (const name of (await readdir(this.directory, { recursive: true })).sort()) {
      const path = join(this.directory, name);
      if ((await lstat(path)).isDirectory()) found[`${name}/`] = null;
      else found[name] = await readFile(path, 'utf8');
    }
    return found;
  }

  async stagedNames(): Promise<readonly string[]> {
    return readdir(join(dirname(this.directory), '.downloads.sftpgw-aside')).catch(() => []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.restart();
    rmSync(this.root, { recursive: true, force: true });
  }
}
