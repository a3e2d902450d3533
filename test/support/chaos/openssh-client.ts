import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestUser } from '../gateway.js';
import { type Content, FileModel } from './file-model.js';
import { type ChaosClient, type ChaosWorld, patience } from './world.js';

const sizes = [4_096, 300_000, 2_000_000, 7_000_000, 14_000_000] as const;
/** Files that are kept for the comparison. */
const kept = 6;
const clientLimitMs = 240_000;

/** A script with OpenSSH's `sftp`, which resumes with `reput` until the file is stored. */
export class OpensshClient implements ChaosClient {
  readonly user: TestUser;
  readonly model = new FileModel();
  readonly #world: ChaosWorld;
  readonly #prefix: string;
  readonly #source: string;
  readonly #target: string;
  readonly #stored: string[] = [];
  #numbers = 0;

  constructor(world: ChaosWorld, user: TestUser, prefix: string, directory: string) {
    this.#world = world;
    this.user = user;
    this.#prefix = prefix;
    this.#source = join(directory, `${prefix}.source`);
    this.#target = join(directory, `${prefix}.target`);
  }

  async run(): Promise<void> {
    while (!this.#world.isOver) {
      this.#numbers += 1;
      const name = `${this.#prefix}-${this.#numbers}`;
      const content = this.#world.content(this.#world.random.pick(sizes));
      writeFileSync(this.#source, content.bytes());
      await this.#store(name, content);
      await this.#fetch();
      await this.#removeOld();
      await this.#world.pause(500, 2_000);
    }
  }

  async #store(name: string, content: Content): Promise<void> {
    this.model.mayBecome(name, content);
    for (let verb = 'put'; !this.#world.isOver; ) {
      const { code, stderr } = await this.#batch(`${verb} ${this.#source} /uploads/${name}`);
      // The upload was stored, and only its answer was lost.
      if (code === 0 || /destination file same size or larger/.test(stderr)) {
        this.model.becomes(name, content);
        this.#stored.push(name);
        return this.#world.count(verb === 'put' ? 'uploads' : 'resumed uploads');
      }
      this.#world.fail(stderr);
      verb = /No such file|not found|does not exist/i.test(stderr) ? 'put' : 'reput';
      await this.#world.pause(300, 1_000);
    }
  }

  async #fetch(): Promise<void> {
    // Another node may not list the newest one yet.
    const older = this.#stored.slice(0, -1);
    if (older.length === 0) return;
    const name = this.#world.random.pick(older);
    rmSync(this.#target, { force: true });
    const { code, stderr } = await this.#batch(`get /uploads/${name} ${this.#target}`);
    if (code !== 0) {
      // After a fault that the gateway has named, `sftp` says the same.
      if (/not found/i.test(stderr) && !/sftpgw:/.test(stderr))
        this.#world.wrong.push(`get of ${name}: ${stderr}`);
      return this.#world.fail(stderr);
    }
    const problem = this.model.problemOf(name, readFileSync(this.#target));
    if (problem !== null) this.#world.wrong.push(`get of ${problem}`);
    this.#world.count('reads');
  }

  async #removeOld(): Promise<void> {
    const old = this.#stored.length > kept ? this.#stored.shift() : undefined;
    if (old === undefined) return;
    this.model.mayBecome(old, null);
    const { code, stderr } = await this.#batch(`rm /uploads/${old}`);
    if (code !== 0) return this.#world.fail(stderr);
    this.model.becomes(old, null);
    this.model.forgetOld(old);
    this.#world.count('removals');
  }

  #batch(line: string) {
    return this.user.sftp(line, { timeoutMs: clientLimitMs }, patience);
  }
}
