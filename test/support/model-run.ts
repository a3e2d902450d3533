import { expect } from 'vitest';
import type { Asked } from '../../src/sftp/testing/client.js';
import type { SeededRandom } from './random.js';
import { type OpenFlags, Refused, requestBytes, type SftpClient } from './sftp-client.js';
import { ModelHandle, sized, UploadsModel } from './uploads-model.js';

const mebibyte = 1024 * 1024;
const files = ['a', 'a', 'b', 'd/x', 'd/y', 'e/x'];
const directories = ['d', 'e'];
/** Around the sizes where an edit changes its way: in memory, by parts that S3 copies, in several parts. */
const offsets = [0, 0, 1, 100, 4096, 70_000, mebibyte, 5 * mebibyte - 1, 5 * mebibyte, 11 * mebibyte + 3];
const lengths = [0, 1, 10, 4096, 70_000, 200_000];
/** Steps between two comparisons of everything. */
const compareEvery = 25;
/** Clearly below the silence after which another session takes over an upload, in milliseconds. */
const takeOverMs = 2_000;
/** Steps that a failure prints. */
const shownSteps = 60;

type Verb = (typeof verbs)[number];
const verbs = [
  ...Array<'open'>(7).fill('open'),
  ...Array<'write'>(12).fill('write'),
  ...Array<'read'>(6).fill('read'),
  ...Array<'close'>(6).fill('close'),
  ...(['fsetstat', 'fsetstat', 'setstat', 'setstat', 'time', 'remove', 'rename', 'rename'] as const),
  ...(['posix-rename', 'mkdir', 'rmdir', 'rename directory', 'stat', 'stat', 'list', 'fsync'] as const),
];

interface Opened {
  readonly real: Uint8Array;
  readonly model: ModelHandle;
}

/** Random operations of two clients in `/uploads`, each compared with a model. */
export class ModelRun {
  readonly counts = { accepted: 0, refused: 0, closes: 0, verified: 0 };
  readonly #clients: readonly SftpClient[];
  readonly #random: SeededRandom;
  readonly #model = new UploadsModel();
  readonly #open: (readonly [client: number, opened: Opened])[] = [];
  readonly #history: string[] = [];
  /** Files that were stored since they were compared. */
  readonly #unverified = new Set<string>();

  constructor(clients: readonly SftpClient[], random: SeededRandom) {
    this.#clients = clients;
    this.#random = random;
  }

  /** Runs random steps, closes every handle and compares everything. Throws at the first difference. */
  async steps(count: number): Promise<void> {
    try {
      for (let step = 1; step <= count; step += 1) {
        await this.#step(this.#random.pick(verbs));
        if (step % compareEvery === 0) await this.#compare();
      }
      while (this.#open.length > 0) await this.#close(0);
      await this.#compare();
    } catch (error) {
      const last = this.#history.slice(-shownSteps).join('\n');
      throw new Error(
        `seed ${this.#random.seed}, after ${this.#history.length} steps, the last are\n${last}`,
        {
          cause: error,
        },
      );
    }
  }

  async #step(verb: Verb): Promise<void> {
    const client = this.#random.between(0, 1);
    const path = this.#random.pick(files);
    switch (verb) {
      case 'open':
        return await this.#openFile(client, path);
      case 'write':
      case 'read':
      case 'fsetstat':
      case 'fsync':
      case 'close':
        return await this.#onHandle(verb);
      case 'setstat':
        return await this.#setSize(client, path);
      case 'time':
        return await this.#setTime(client, path);
      case 'remove':
        return await this.#remove(client, path);
      case 'rename':
      case 'posix-rename':
        return await this.#rename(client, path, this.#random.pick(files), verb);
      case 'mkdir':
      case 'rmdir':
        return await this.#directory(client, verb, this.#random.pick(directories));
      case 'rename directory':
        return await this.#renameDirectory(client);
      case 'stat':
        return await this.#stat(client, path);
      case 'list':
        return await this.#list(client);
    }
  }

  async #openFile(client: number, path: string): Promise<void> {
    if (this.#open.length >= 5) return;
    const chance = (percent: number) => this.#random.between(1, 100) <= percent;
    const create = chance(75);
    const flags: Partial<OpenFlags> = {
      write: true,
      read: chance(60),
      create,
      truncate: create && chance(25),
      append: chance(20),
      exclusive: create && chance(10),
    };
    const stored = this.#model.stored.get(path) ?? null;
    const isUsed = this.#model.newest(path) !== null;
    const isThere = stored !== null || isUsed;
    // Another session takes over a new upload that seems to be dead.
    const silentMs = performance.now() - (this.#model.newest(path)?.usedMs ?? 0);
    if (stored === null && isUsed && flags.truncate !== true && silentMs > takeOverMs) return;
    const named = Object.entries(flags).flatMap(([name, isSet]) => (isSet ? [name] : []));
    const what = `${client} open ${path} ${named.join(' ')}`;
    const real = await this.#refusable(what, this.#client(client).open(at(path), flags));
    if (real === null) {
      const isPlain = create && flags.exclusive !== true && this.#model.hasParent(path);
      expect(isPlain && !(flags.append === true && isUsed), 'a good open is refused').toBe(false);
      return;
    }
    expect(!isThere && !create, 'opens a file that does not exist').toBe(false);
    expect(isThere && flags.exclusive === true, 'opens an existing file exclusively').toBe(false);
    const model = new ModelHandle(client, path, flags, stored);
    const other = this.#model.newest(path);
    model.isBehindOther = other !== null && other.client !== client && !other.keepsObject;
    this.#model.handles.add(model);
    this.#open.push([client, { real, model }]);
  }

  async #onHandle(verb: 'write' | 'read' | 'fsetstat' | 'fsync' | 'close'): Promise<void> {
    if (this.#open.length === 0) return;
    const index = this.#random.between(0, this.#open.length - 1);
    if (verb === 'close') return await this.#close(index);
    const [client, opened] = this.#opened(index);
    const { real, model } = opened;
    if (verb === 'write') model.usedMs = performance.now();
    const what = `${client} ${verb} ${model.path} (handle ${index})`;
    if (verb === 'read') return await this.#read(client, opened, what);
    if (verb === 'fsync') {
      const done = await this.#refusable(what, this.#client(client).ok({ type: 'fsync', handle: real }));
      expect(done === null && !model.mayFail, 'fsync is refused').toBe(false);
      return;
    }
    const offset = this.#random.pick(offsets) + this.#random.between(0, 20);
    if (verb === 'fsetstat') {
      const asked: Asked = { type: 'fsetstat', handle: real, attributes: { size: offset } };
      const done = await this.#refusable(`${what} ${offset}`, this.#client(client).ok(asked));
      if (done !== null) model.resize(offset);
      return this.#mustHandle(done, model, 'a truncation');
    }
    const length = this.#random.pick(lengths);
    const bytes = Buffer.alloc(length, this.#random.between(1, 255));
    const done = await this.#refusable(
      `${what} ${length} bytes at ${offset}`,
      this.#client(client).write(real, offset, bytes),
    );
    if (done !== null) model.write(offset, bytes);
    this.#mustHandle(done, model, 'a write');
  }

  #mustHandle(done: object | null, model: ModelHandle, what: string): void {
    expect(done === null && !model.mayFail && !model.mayHaveHole, `${what} is refused`).toBe(false);
    if (done === null) model.mayFail = true;
  }

  async #read(client: number, { real, model }: Opened, what: string): Promise<void> {
    const offset = this.#random.pick(offsets) + this.#random.between(0, 20);
    const length = this.#random.between(1, requestBytes);
    const read = this.#client(client).read(real, offset, length);
    const found = await this.#refusable(
      `${what} ${length} bytes at ${offset}`,
      read.then((bytes) => ({ bytes })),
    );
    if (found === null) {
      const isSame = model.opened === null || this.#model.stored.get(model.path) === model.opened;
      expect(model.flags.read === true && !model.mayFail && isSame, 'a good read is refused').toBe(false);
      return;
    }
    expect(model.flags.read).toBe(true);
    model.noteRead(offset, length);
    const wanted =
      offset >= model.content.byteLength ? null : model.content.subarray(offset, offset + length);
    requireEqual(found.bytes, wanted, `the bytes read from ${model.path}`);
  }

  async #close(index: number): Promise<void> {
    const [client, { real, model }] = this.#opened(index);
    this.#open.splice(index, 1);
    const closing = this.#client(client).ok({ type: 'close', handle: real });
    const done = await this.#refusable(`${client} close ${model.path} (handle ${index})`, closing);
    this.#model.handles.delete(model);
    this.counts.closes += 1;
    const { path, opened, isTouched, flags } = model;
    const now = this.#model.stored.get(path);
    if (done === null) {
      const isSame = now === opened || !(model.mayNeedOpened || model.hasTime);
      const isWanted = !model.mayFail && !model.mayHaveHole && flags.exclusive !== true && isSame;
      expect(isWanted, 'a good file is refused').toBe(false);
      return;
    }
    if (!isTouched && opened !== null) return;
    if (model.needsOpened && now !== opened)
      requireEqual(now?.content ?? null, opened?.content ?? null, `the changes of another client to ${path}`);
    this.#store(path, model.content);
  }

  async #setSize(client: number, path: string): Promise<void> {
    const size = this.#random.pick(offsets);
    const newest = this.#model.newest(path);
    const isForHandle = newest !== null && (newest.client === client || !newest.keepsObject);
    const asked: Asked = { type: 'setstat', path: Buffer.from(at(path)), attributes: { size } };
    const done = await this.#refusable(`${client} setstat ${path} ${size}`, this.#client(client).ok(asked));
    if (isForHandle) {
      if (done !== null) newest.resize(size);
      this.#mustHandle(done, newest, 'a truncation');
      return;
    }
    const stored = this.#model.stored.get(path);
    expect(done !== null, 'setting the size').toBe(stored !== undefined);
    if (stored !== undefined && stored.content.byteLength !== size)
      this.#store(path, sized(stored.content, size));
  }

  async #setTime(client: number, path: string): Promise<void> {
    const seconds = this.#random.between(1, 2_000_000_000);
    const attributes = { atimeSeconds: seconds, mtimeSeconds: seconds };
    const asked: Asked = { type: 'setstat', path: Buffer.from(at(path)), attributes };
    const done = await this.#refusable(`${client} time ${path} ${seconds}`, this.#client(client).ok(asked));
    const newest = this.#model.newest(path);
    if (newest?.mayFail !== true)
      expect(done !== null, 'setting the time').toBe(this.#model.stored.has(path) || newest !== null);
    if (done === null) return;
    if (newest !== null) newest.hasTime = true;
    const shown = await this.#client(1 - client).attributes({ type: 'stat', path: Buffer.from(at(path)) });
    expect(shown.mtimeSeconds).toBe(seconds);
  }

  async #remove(client: number, path: string): Promise<void> {
    const asked: Asked = { type: 'remove', path: Buffer.from(at(path)) };
    const done = await this.#refusable(`${client} remove ${path}`, this.#client(client).ok(asked));
    expect(done !== null, 'removing').toBe(this.#model.stored.delete(path));
    this.#unverified.delete(path);
  }

  async #rename(client: number, from: string, to: string, type: 'rename' | 'posix-rename'): Promise<void> {
    const asked: Asked = { type, from: Buffer.from(at(from)), to: Buffer.from(at(to)) };
    const done = await this.#refusable(`${client} ${type} ${from} ${to}`, this.#client(client).ok(asked));
    const isUsed = this.#model.newest(from) !== null || this.#model.newest(to) !== null;
    const isFree = type === 'posix-rename' || !this.#model.stored.has(to);
    const isGood = this.#model.stored.has(from) && this.#model.hasParent(to) && isFree && from !== to;
    if (done === null) {
      expect(isGood && !isUsed, 'a good rename is refused').toBe(false);
      return;
    }
    this.#model.rename(from, to);
    this.#unverified.delete(from);
    this.#unverified.add(to);
  }

  async #directory(client: number, type: 'mkdir' | 'rmdir', name: string): Promise<void> {
    const path = Buffer.from(at(name));
    const asked: Asked = type === 'mkdir' ? { type, path, attributes: {} } : { type, path };
    const done = await this.#refusable(`${client} ${type} ${name}`, this.#client(client).ok(asked));
    const isThere = this.#model.directories.has(name);
    if (type === 'mkdir') {
      expect(done !== null, 'mkdir').toBe(!isThere);
      this.#model.directories.add(name);
      return;
    }
    expect(done !== null, 'rmdir').toBe(isThere && !this.#model.isFull(name));
    if (done !== null) this.#model.directories.delete(name);
  }

  async #renameDirectory(client: number): Promise<void> {
    const [from, to] = this.#random.pick([
      ['d', 'e'],
      ['e', 'd'],
    ]) as [string, string];
    const asked: Asked = { type: 'posix-rename', from: Buffer.from(at(from)), to: Buffer.from(at(to)) };
    const done = await this.#refusable(`${client} rename ${from}/ ${to}/`, this.#client(client).ok(asked));
    const isGood = this.#model.directories.has(from) && !this.#model.isFull(to);
    const isUsed = [...this.#model.handles].some(({ path }) => path.includes('/'));
    if (done === null) {
      expect(isGood && !isUsed, 'a good rename of a directory is refused').toBe(false);
      return;
    }
    expect(isGood, 'a directory replaces a full one').toBe(true);
    this.#model.renameDirectory(from, to);
    for (const path of this.#model.stored.keys()) if (path.startsWith(`${to}/`)) this.#unverified.add(path);
  }

  async #stat(client: number, path: string): Promise<void> {
    const type = this.#random.pick(['stat', 'lstat'] as const);
    const asking = this.#client(client).attributes({ type, path: Buffer.from(at(path)) });
    const found = await this.#refusable(`${client} ${type} ${path}`, asking);
    const expected = this.#model.newest(path) ?? this.#model.stored.get(path);
    expect(found?.size).toBe(expected?.content.byteLength);
  }

  async #list(client: number): Promise<void> {
    const directory = this.#random.pick(['', ...directories]);
    const path = directory === '' ? '/uploads' : at(directory);
    const found = await this.#refusable(`${client} list ${path}`, this.#client(client).list(path));
    if (directory !== '' && !this.#model.directories.has(directory)) return;
    expect(sorted(found ?? new Map())).toEqual(sorted(this.#model.listing(directory)));
  }

  /** Compares listings, the sizes of handles, and the content of each file that was stored since. */
  async #compare(): Promise<void> {
    for (const directory of ['', ...this.#model.directories]) {
      const found = await this.#client(0).list(directory === '' ? '/uploads' : at(directory));
      expect(sorted(found), `the names in ${directory || '/uploads'}`).toEqual(
        sorted(this.#model.listing(directory)),
      );
    }
    for (const [client, { real, model }] of this.#open) {
      const { size } = await this.#client(client).attributes({ type: 'fstat', handle: real });
      expect(size, `the size of the handle of ${model.path}`).toBe(model.content.byteLength);
    }
    for (const path of this.#unverified) {
      const { content } = this.#model.stored.get(path) ?? {};
      if (content === undefined) continue;
      requireEqual(await this.#client(1).readFile(at(path)), content, `the content of ${path}`);
      this.counts.verified += 1;
    }
    this.#unverified.clear();
  }

  #store(path: string, content: Buffer): void {
    this.#model.store(path, content, true);
    this.#unverified.add(path);
  }

  /** Returns the result, or null if the gateway refused the operation. */
  async #refusable<T>(what: string, operation: Promise<T>): Promise<(T extends void ? object : T) | null> {
    try {
      const result = await operation;
      this.counts.accepted += 1;
      this.#history.push(`${what}: OK`);
      return (result ?? {}) as never;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      expect(error.message).not.toContain('(bug');
      this.counts.refused += 1;
      this.#history.push(`${what}: ${error.message}`);
      return null;
    }
  }

  #opened(index: number): readonly [client: number, opened: Opened] {
    const found = this.#open[index];
    if (found === undefined) throw new Error(`there is no handle ${index}`);
    return found;
  }

  #client(index: number): SftpClient {
    const client = this.#clients[index];
    if (client === undefined) throw new Error(`there is no client ${index}`);
    return client;
  }
}

function at(path: string): string {
  return `/uploads/${path}`;
}

function sorted(sizes: ReadonlyMap<string, number>): readonly string[] {
  return [...sizes].map(([name, size]) => `${name} ${size}`).sort();
}

/** Compares large contents without printing them. */
function requireEqual(found: Buffer | null, wanted: Buffer | null, what: string): void {
  if (found === null || wanted === null) {
    expect(found === null, `${what}: the end of the file`).toBe(wanted === null);
    return;
  }
  if (found.equals(wanted)) return;
  const limit = Math.min(found.byteLength, wanted.byteLength);
  let first = 0;
  while (first < limit && found[first] === wanted[first]) first += 1;
  throw new Error(
    `${what} differ at ${first}: ${found[first]} of ${found.byteLength} bytes, not ${wanted[first]} of ${wanted.byteLength}`,
  );
}
