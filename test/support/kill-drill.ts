import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Gateway, TestUser } from './gateway.js';
import type { SeededRandom } from './random.js';
import { Disconnected, Refused, SftpClient } from './sftp-client.js';
import { eventually } from './wait.js';

const mebibyte = 1024 * 1024;
const workers = 3;
const namesPerWorker = 3;
const sizes = [4096, 300_000, 6 * mebibyte, 13 * mebibyte, 22 * mebibyte];
const verbs = ['upload', 'upload', 'edit', 'edit', 'edit', 'append', 'append', 'rename', 'remove'] as const;
type Verb = (typeof verbs)[number];

/** The contents that a name may have; null means that the file does not exist. */
type Possible = readonly (Buffer | null)[];

/** Clients that change files while the gateway is killed repeatedly, and what must be left afterwards. */
export class KillDrill {
  /** Acknowledged and interrupted operations, and what the interrupted ones left: the old or the new content. */
  readonly counts = { acknowledged: 0, old: 0, new: 0, compared: 0 };
  readonly interrupted: Record<Verb, number> = { upload: 0, edit: 0, append: 0, rename: 0, remove: 0 };
  readonly wrong: string[] = [];
  readonly #gateway: Gateway;
  readonly #user: TestUser;
  readonly #random: SeededRandom;
  readonly #content = new Map<string, Buffer>();
  /** Names with an interrupted operation: their contents before and after it. */
  readonly #open = new Map<string, Possible>();
  /** Interrupted renames, from and to. */
  readonly #renames = new Set<readonly [from: string, to: string]>();
  readonly #touched = new Set<string>();

  constructor(gateway: Gateway, user: TestUser, random: SeededRandom) {
    this.#gateway = gateway;
    this.#user = user;
    this.#random = random;
  }

  /** Kills the gateway while clients are at work, starts it again and compares what they had changed. */
  async kill(): Promise<void> {
    const clients = await Promise.all(Array.from({ length: workers }, () => SftpClient.connect(this.#user)));
    const work = Promise.all(clients.map((client, index) => this.#work(client, index)));
    // Some kills meet the clients in their first operations, others later.
    const enough = this.counts.acknowledged + this.#random.between(0, 10);
    await Promise.race([
      eventually('the clients have done enough', () => this.counts.acknowledged >= enough),
      work,
    ]);
    await delay(this.#random.between(0, 300));
    await this.#gateway.end('SIGKILL');
    await work;
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await this.#gateway.serve();
    await this.compare([...this.#touched]);
    this.#touched.clear();
  }

  /** Compares these names, or all of them. */
  async compare(names?: readonly string[]): Promise<void> {
    await using client = await SftpClient.connect(this.#user);
    const before = new Map(this.#open);
    for (const name of names ?? this.#names) await this.#compareOne(client, name);
    for (const [from, to] of this.#renames) {
      const moved = before.get(from)?.[0];
      const isLost = moved && !this.#content.has(from) && this.#content.get(to)?.equals(moved) !== true;
      if (isLost) this.wrong.push(`${from}: neither there nor at ${to}`);
    }
    this.#renames.clear();
  }

  get #names(): readonly string[] {
    return Array.from({ length: workers * namesPerWorker }, (_, index) =>
      nameOf(Math.floor(index / namesPerWorker), index % namesPerWorker),
    );
  }

  async #compareOne(client: SftpClient, name: string): Promise<void> {
    const known = this.#content.get(name) ?? null;
    const possible = this.#open.get(name) ?? [known];
    const found = await readIfThere(client, `/uploads/${name}`);
    this.counts.compared += 1;
    const index = possible.findIndex((one) => (one === null ? found === null : found?.equals(one) === true));
    if (index === -1) {
      const is = found === null ? 'missing' : `${found.byteLength} bytes, ${digest(found)}`;
      const may = possible.map((one) =>
        one === null ? 'missing' : `${one.byteLength} bytes, ${digest(one)}`,
      );
      this.wrong.push(`${name}: ${is} instead of ${may.join(' or ')}`);
    } else if (this.#open.has(name)) this.counts[index === 0 ? 'old' : 'new'] += 1;
    this.#open.delete(name);
    const now = possible[index] ?? found;
    if (now === null) this.#content.delete(name);
    else this.#content.set(name, now);
  }

  /** Changes files of this worker until the connection ends. */
  async #work(client: SftpClient, worker: number): Promise<void> {
    for (;;) {
      const verb = this.#random.pick(verbs);
      const name = nameOf(worker, this.#random.between(0, namesPerWorker - 1));
      try {
        await this.#change(client, worker, verb, name);
      } catch (error) {
        if (error instanceof Disconnected) {
          if (this.#open.has(name)) this.interrupted[verb] += 1;
          return;
        }
        if (error instanceof Refused) this.wrong.push(`${verb} of ${name} is refused: ${error.message}`);
        throw error;
      }
    }
  }

  async #change(client: SftpClient, worker: number, verb: Verb, name: string): Promise<void> {
    const old = this.#content.get(name) ?? null;
    const path = `/uploads/${name}`;
    if (old === null || verb === 'upload') {
      const content = this.#bytes(this.#random.pick(sizes));
      const flags = { write: true, create: true, truncate: true };
      return await this.#acknowledged(name, old, content, () => client.writeFile(path, flags, content));
    }
    if (verb === 'remove')
      return await this.#acknowledged(name, old, null, () =>
        client.ok({ type: 'remove', path: Buffer.from(path) }),
      );
    if (verb === 'append') {
      const added = this.#bytes(this.#random.pick([10, 100_000, 9 * mebibyte]));
      const content = Buffer.concat([old, added]);
      const flags = { write: true, append: true };
      return await this.#acknowledged(name, old, content, () => client.writeFile(path, flags, added));
    }
    if (verb === 'edit') return await this.#edit(client, name, old);
    await this.#rename(client, name, nameOf(worker, this.#random.between(0, namesPerWorker - 1)), old);
  }

  async #edit(client: SftpClient, name: string, old: Buffer): Promise<void> {
    const changed = this.#bytes(this.#random.between(1, 200_000));
    const offset = this.#random.between(0, old.byteLength);
    const size = this.#random.between(0, 3) > 0 ? null : this.#random.between(0, old.byteLength);
    let content = Buffer.concat([old], Math.max(old.byteLength, offset + changed.byteLength));
    changed.copy(content, offset);
    if (size !== null) content = content.subarray(0, size);
    await this.#acknowledged(name, old, content, async () => {
      const handle = await client.open(`/uploads/${name}`, { read: true, write: true });
      await client.write(handle, offset, changed);
      if (size !== null) await client.ok({ type: 'fsetstat', handle, attributes: { size } });
      await client.ok({ type: 'close', handle });
    });
  }

  async #rename(client: SftpClient, from: string, to: string, moved: Buffer): Promise<void> {
    if (from === to) return;
    const replaced = this.#content.get(to) ?? null;
    this.#open.set(to, [replaced, moved]);
    const rename = [from, to] as const;
    this.#renames.add(rename);
    this.#touched.add(to);
    const paths = { from: Buffer.from(`/uploads/${from}`), to: Buffer.from(`/uploads/${to}`) };
    await this.#acknowledged(from, moved, null, () => client.ok({ type: 'posix-rename', ...paths }));
    this.#renames.delete(rename);
    this.#open.delete(to);
    this.#content.set(to, moved);
  }

  /** Runs one operation that makes `after` of `before`, and records that it was acknowledged. */
  async #acknowledged(
    name: string,
    before: Buffer | null,
    after: Buffer | null,
    operation: () => Promise<void>,
  ): Promise<void> {
    this.#touched.add(name);
    this.#open.set(name, [before, after]);
    await operation();
    this.counts.acknowledged += 1;
    this.#open.delete(name);
    if (after === null) this.#content.delete(name);
    else this.#content.set(name, after);
  }

  /** Returns bytes that occur in no other content. */
  #bytes(length: number): Buffer {
    const block = Buffer.from(Array.from({ length: 64 }, () => this.#random.between(0, 255)));
    return Buffer.alloc(length, block);
  }
}

function nameOf(worker: number, index: number): string {
  return `w${worker}-${index}`;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12);
}

/** Returns null if there is no such file. An interrupted upload that is still being aborted is none. */
function readIfThere(client: SftpClient, path: string): Promise<Buffer | null> {
  return eventually(`${path} can be read`, async () => {
    try {
      return { bytes: await client.readFile(path) };
    } catch (error) {
      if (error instanceof Refused && error.code === 2) return { bytes: null };
      throw error;
    }
  }).then(({ bytes }) => bytes);
}
