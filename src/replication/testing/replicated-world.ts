import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { DatabaseRootFiles } from '../../database/cluster/root-files.js';
import type { GatewayDatabase } from '../../database/database.js';
import { newAgeIdentity } from '../../keyring/age.js';
import { GatewayIdentity } from '../../keyring/gateway-identity.js';
import { KeyringLock } from '../../keyring/keyring-lock.js';
import type { Clock } from '../../model/call.js';
import type { RootFiles } from '../../model/nodes.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { replicatedFile } from '../replicated-files.js';
import { Replicator } from '../replicator.js';
import { RootSeal } from '../root-seal.js';
import { RootWriter } from '../root-writer.js';
import { RootScanner } from '../scanner.js';
import { sharedPart } from '../settings-part.js';
import { ReplicationState } from '../state-file.js';

export const settingsPath = 'opt/sftpgw/sftpgateway.properties';
export const machineSettings = ['sftp.listen', 'database.url'];

/** A clock whose time passes only while someone sleeps. */
class SleepingClock implements Clock {
  #ms = 0;

  nowMs(): number {
    return Date.now() + this.#ms;
  }

  monotonicMs(): number {
    return performance.now() + this.#ms;
  }

  async sleep(ms: number): Promise<void> {
    this.#ms += ms;
  }
}

/** Called before and after each effect of a node. May throw, as if the node had crashed. */
export type EffectHook = (effect: string) => void;

/** Nodes with roots of their own that share a database. */
export class ReplicatedWorld implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'sftpgw-replicated-'));
  readonly lines: LogLine[] = [];
  #database: GatewayDatabase | null = null;
  #identity = '';

  static async open(): Promise<ReplicatedWorld> {
    const world = new ReplicatedWorld();
    world.#database = await openTestDatabase(join(world.directory, 'shared.db'));
    world.#identity = (await newAgeIdentity()).secret;
    return world;
  }

  get database(): GatewayDatabase {
    if (this.#database === null) throw new Error('the world is not open');
    return this.#database;
  }

  node(name: string): TestNode {
    const root = join(this.directory, name);
    mkdirSync(join(root, 'var/lib/sftpgw'), { recursive: true });
    writeFileSync(join(root, 'var/lib/sftpgw/keyring-identity'), `${this.#identity}\n`, { mode: 0o600 });
    return new TestNode(name, root, this.database, this.lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A node whose process starts again at each `sync`, unless it is told to continue. */
export class TestNode {
  readonly name: string;
  readonly root: string;
  readonly #database: GatewayDatabase;
  readonly #lines: LogLine[];
  readonly #clock = new SleepingClock();

  constructor(name: string, root: string, database: GatewayDatabase, lines: LogLine[]) {
    this.name = name;
    this.root = root;
    this.#database = database;
    this.#lines = lines;
  }

  /** Starts the process of the node. */
  async start(hook: EffectHook = () => undefined): Promise<Replicator> {
    const state = join(this.root, 'var/lib/sftpgw');
    const seal = await RootSeal.open(new GatewayIdentity(join(state, 'keyring-identity')));
    const hooked = <T extends object>(what: T, names: readonly (keyof T & string)[]): T =>
      new Proxy(what, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          const isIdle = target instanceof ReplicationState && !target.isChanged;
          if (isIdle || !(names as readonly string[]).includes(String(name)))
            return value.bind(target) as unknown;
          return async (...args: unknown[]) => {
            hook(`before ${String(name)}`);
            const result: unknown = await value.apply(target, args);
            hook(`after ${String(name)}`);
            return result;
          };
        },
      });
    const files: RootFiles = new DatabaseRootFiles(this.#database, this.name);
    return new Replicator({
      files: hooked(files, ['store']),
      seal,
      state: hooked(await ReplicationState.open(join(state, 'replication.json')), ['save']),
      scanner: new RootScanner(
        this.root,
        (content) => seal.digest(content),
        (path, content) =>
          replicatedFile(path)?.kind === 'settings'
            ? Buffer.from(sharedPart(content.toString(), machineSettings))
            : content,
      ),
      writer: hooked(this.#writer(state), ['write', 'remove', 'keepBeside']),
      checkSettings: (text) => (text.includes('wrong') ? 'line 1: it is wrong' : null),
      exists: (path) =>
        stat(join(this.root, path)).then(
          () => true,
          () => false,
        ),
      clock: this.#clock,
      log: recordingLogger(this.#lines),
    });
  }

  /** Starts a process, which synchronises and ends. */
  async sync(hook?: EffectHook): Promise<Replicator> {
    const replicator = await this.start(hook);
    await replicator.settle(new AbortController().signal);
    // The first report may come before the last change.
    await this.#clock.sleep(2_000);
    await replicator.settle(new AbortController().signal);
    return replicator;
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content, { mode: 0o600 });
  }

  addUser(name: string, settings = 'sse.option=1\n'): void {
    this.write(`home/${name}/.sftpgateway/password`, `$scrypt$v=1$ln=1,r=8,p=1$${name}$hash\n`);
    this.write(`home/${name}/.ssh/authorized_keys`, `# keys of ${name}\n`);
    this.write(`home/${name}/.sftpgateway/user.properties`, settings);
  }

  /** Removes a file, a home or a directory. */
  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  /** Returns the text of a file; null if it does not exist. */
  async read(path: string): Promise<string | null> {
    return await readFile(join(this.root, path), 'utf8').catch(() => null);
  }

  async mode(path: string): Promise<number> {
    return (await stat(join(this.root, path))).mode & 0o777;
  }

  #writer(state: string): RootWriter {
    return new RootWriter({
      root: this.root,
      directories: {
        homes: join(this.root, 'home'),
        shared: join(this.root, 'opt/sftpgw/shared'),
        removed: join(state, 'removed'),
      },
      stateDirectory: state,
      keyringLock: new KeyringLock(join(state, 'keyring.lock'), this.#clock),
      machineSettings,
      clock: this.#clock,
    });
  }
}
