import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { RotationCounts } from '../../src/model/rotation.js';
import { type Gateway, mainScript, type TestUser } from './gateway.js';
import type { SeededRandom } from './random.js';
import { eventually } from './wait.js';

/** The size of a drill. */
export interface DrillSize {
  readonly objects: number;
  readonly kills: number;
  /** The sizes of the first objects in bytes. No client touches them. The others have up to 64 KiB. */
  readonly sizes: readonly number[];
  /** The rate for `key rotate`, slow enough that the kills interrupt the rotation. */
  readonly rate: string;
  readonly betweenKillsMs: readonly [min: number, max: number];
  readonly limitMs: number;
}

/**
 * The possible contents of one name after the acknowledgements so far, as digests; null means that the file
 * may not exist.
 */
type Possible = ReadonlySet<string | null>;

const workers = 3;
const mebibyte = 1024 * 1024;

/**
 * Rotates the key of a user while clients write, overwrite, read and remove, and while the gateway is killed
 * repeatedly. It records what the gateway acknowledged.
 */
export class RotationDrill {
  readonly #gateway: Gateway;
  readonly #user: TestUser;
  readonly #random: SeededRandom;
  readonly #size: DrillSize;
  readonly #possible = new Map<string, Possible>();
  readonly wrongReads: string[] = [];
  acknowledged = 0;
  #writes = 0;

  constructor(gateway: Gateway, user: TestUser, random: SeededRandom, size: DrillSize) {
    this.#gateway = gateway;
    this.#user = user;
    this.#random = random;
    this.#size = size;
  }

  /** The possible contents by name below /uploads. */
  get possible(): ReadonlyMap<string, Possible> {
    return this.#possible;
  }

  /** Uploads the objects that exist before the rotation. */
  async fill(): Promise<void> {
    const lines: string[] = [];
    for (let index = 0; index < this.#size.objects; index += 1) {
      const name = `o${String(index).padStart(5, '0')}`;
      const [path, digest] = await this.#makeFile(`fill-${index}`, this.#size.sizes[index]);
      lines.push(`put ${path} /uploads/${name}`);
      this.#possible.set(name, new Set([digest]));
    }
    await this.#user.sftpOk(lines.join('\n'), { timeoutMs: this.#size.limitMs });
  }

  /** Begins the rotation and leaves it to the gateway. */
  async begin(): Promise<void> {
    const args = [
      'key',
      'rotate',
      '--user',
      this.#user.name,
      '--rate',
      this.#size.rate,
      '--root',
      this.#gateway.root,
    ];
    const child = spawn(process.execPath, [mainScript, ...args], {
      env: this.#gateway.environment,
      stdio: 'ignore',
    });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    await eventually('the rotation has begun', () => this.job() !== null);
    child.kill('SIGINT');
    await exit;
  }

  /** Kills the gateway repeatedly, with clients at work in between. */
  async disturb(): Promise<number> {
    let kills = 0;
    const [min, max] = this.#size.betweenKillsMs;
    while (kills < this.#size.kills) {
      const clients = this.#work();
      await delay(this.#random.between(min, max));
      await this.#gateway.end('SIGKILL');
      kills += 1;
      await clients;
      await this.#gateway.serve();
      if (this.job()?.state === 'done') break;
    }
    return kills;
  }

  /** Keeps clients at work until the rotation is done, and returns its job. */
  async finish(): Promise<DrillJob> {
    return await eventually(
      'the rotation is done',
      async () => {
        const job = this.job();
        if (job?.state === 'done') return job;
        await this.#work();
        return null;
      },
      this.#size.limitMs,
    );
  }

  job(): DrillJob | null {
    const row = this.#query<{
      state: 'running' | 'done';
      counts: string;
      new_key: string;
      obstacle: string | null;
    }>('select state, counts, new_key, obstacle from rotation_job order by seq desc limit 1')[0];
    if (row === undefined) return null;
    const { state, new_key: newKey, obstacle } = row;
    return { state, newKey, obstacle, counts: JSON.parse(row.counts) as RotationCounts };
  }

  /** Returns the fingerprint in the ledger for each current object below the user's uploads. */
  ledger(): ReadonlyMap<string, string | null> {
    const rows = this.#query<{ object_key: string; key_fingerprint: string | null }>(
      'select object_key, key_fingerprint from sealed_object where is_current = 1',
    );
    return new Map(rows.map((row) => [row.object_key, row.key_fingerprint]));
  }

  #query<Row>(text: string): Row[] {
    const database = new Database(join(this.#gateway.root, 'var/lib/sftpgw/sftpgw.db'), { readonly: true });
    try {
      return database.prepare<[], Row>(text).all();
    } finally {
      database.close();
    }
  }

  /**
   * Runs some operations per client, on the client's own names. An unacknowledged operation may have happened
   * or not.
   */
  async #work(): Promise<void> {
    await Promise.all(
      Array.from({ length: workers }, async (_, worker) => {
        for (let turn = 0; turn < 3; turn += 1) {
          const { objects, sizes } = this.#size;
          const first = Math.ceil(sizes.length / workers);
          const index = this.#random.between(first, Math.floor(objects / workers) - 1) * workers + worker;
          const isNew = this.#random.between(0, 9) === 0;
          const name = isNew
            ? `n${worker}-${this.#random.between(0, 20)}`
            : `o${String(index).padStart(5, '0')}`;
          await this.#withRoot(name);
        }
      }),
    );
  }

  async #withRoot(name: string): Promise<void> {
    const before = this.#possible.get(name) ?? new Set([null]);
    const choice = this.#random.between(0, 3);
    if (choice === 0) return await this.#read(name, before);
    const [path, digest] =
      choice === 1 ? [null, null] : await this.#makeFile(`write-${this.#writes++ % 20}`, undefined);
    this.#possible.set(name, new Set([...before, digest]));
    const line = path === null ? `rm /uploads/${name}` : `put ${path} /uploads/${name}`;
    const { code } = await this.#user.sftp(line);
    if (code !== 0) return;
    this.acknowledged += 1;
    this.#possible.set(name, new Set([digest]));
  }

  async #read(name: string, before: Possible): Promise<void> {
    const path = join(this.#gateway.work, `read-${name}`);
    const { code } = await this.#user.sftp(`get /uploads/${name} ${path}`);
    if (code !== 0) return;
    const found = await digestOf(createReadStream(path));
    if (!before.has(found)) this.wrongReads.push(name);
  }

  /** Creates a file with unique content and returns its path and digest. A large one is mostly sparse. */
  async #makeFile(name: string, size: number | undefined): Promise<[path: string, digest: string]> {
    const path = join(this.#gateway.work, name);
    const bytes = size ?? this.#random.between(0, 64 * 1024);
    writeFileSync(path, Buffer.alloc(Math.min(bytes, mebibyte), `${name} ${this.#random.next()} `));
    truncateSync(path, bytes);
    return [path, await digestOf(createReadStream(path))];
  }
}

/** The job of the drill, as the database has it. */
export interface DrillJob {
  readonly state: 'running' | 'done';
  readonly newKey: string;
  readonly obstacle: string | null;
  readonly counts: RotationCounts;
}

/** Returns the SHA-256 of a stream in hexadecimal. */
export async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}
