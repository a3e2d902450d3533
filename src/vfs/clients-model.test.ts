import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import type { WriteHandle } from '../model/vfs.js';
import { type OpenFlags, ReferenceHandle, ReferenceUploads, sized } from './testing/reference-uploads.js';
import { type Session, World } from './testing/world.js';

/** One step of one of two clients. `slot` is one of the client's two handles. */
type Step = { readonly client: 0 | 1 } & (
  | { readonly do: 'open'; readonly slot: number; readonly name: string; readonly flags: OpenFlags }
  | { readonly do: 'write'; readonly slot: number; readonly offset: number; readonly text: string }
  | { readonly do: 'read'; readonly slot: number; readonly offset: number; readonly length: number }
  | { readonly do: 'fsize'; readonly slot: number; readonly size: number }
  | { readonly do: 'close' | 'disconnect'; readonly slot: number }
  | { readonly do: 'size'; readonly name: string; readonly size: number }
  | { readonly do: 'time'; readonly name: string; readonly mtimeSeconds: number }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'rename'; readonly from: string; readonly to: string; readonly replace: boolean }
  | { readonly do: 'mkdir' | 'rmdir'; readonly name: string }
  | { readonly do: 'rename directory'; readonly from: string; readonly to: string; readonly replace: boolean }
  /** Another client of S3 stores an object; a name that ends with `/` is a directory's. */
  | { readonly do: 'foreign'; readonly name: string; readonly text: string }
);

const client = fc.constantFrom(0 as const, 1 as const);
const slot = fc.constantFrom(0, 1);
const file = fc.constantFrom('a', 'a', 'b', 'd/x', 'e/x');
const directory = fc.constantFrom('d', 'e');
const text = fc.constantFrom('', 'x', 'four', 'some content', 'some longer content');
const size = fc.constantFrom(0, 1, 4, 12, 20);
const flags = fc.record({
  create: fc.constantFrom(true, true, false),
  exclusive: fc.constantFrom(false, false, false, true),
  truncate: fc.constantFrom(false, false, true),
  append: fc.constantFrom(false, false, true),
  read: fc.boolean(),
});
const doing = <T extends string>(verb: T) => fc.constant(verb);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ client, do: doing('open'), slot, name: file, flags }) },
  { weight: 10, arbitrary: fc.record({ client, do: doing('write'), slot, offset: size, text }) },
  { weight: 6, arbitrary: fc.record({ client, do: doing('read'), slot, offset: size, length: size }) },
  { weight: 3, arbitrary: fc.record({ client, do: doing('fsize'), slot, size }) },
  { weight: 7, arbitrary: fc.record({ client, do: doing('close'), slot }) },
  { weight: 1, arbitrary: fc.record({ client, do: doing('disconnect'), slot }) },
  { weight: 3, arbitrary: fc.record({ client, do: doing('size'), name: file, size }) },
  { weight: 2, arbitrary: fc.record({ client, do: doing('time'), name: file, mtimeSeconds: size }) },
  { weight: 2, arbitrary: fc.record({ client, do: doing('remove'), name: file }) },
  {
    weight: 2,
    arbitrary: fc.record({ client, do: doing('rename'), from: file, to: file, replace: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ client, do: fc.constantFrom('mkdir', 'rmdir'), name: directory }) },
  {
    weight: 1,
    arbitrary: fc.record({
      client,
      do: doing('rename directory'),
      from: directory,
      to: directory,
      replace: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      client,
      do: doing('foreign'),
      name: fc.oneof(file, doing('d/'), doing('e/')),
      text,
    }),
  },
);

const silence = () => undefined;
const log = { debug: silence, info: silence, warn: silence, error: silence, child: () => log };
const call = { id: 'c', signal: new AbortController().signal, log };

/** An open handle, and the ETag of the object that its changes apply to. */
interface Opened {
  readonly real: WriteHandle;
  readonly expected: ReferenceHandle;
  etag: string | undefined;
}

/** Two sessions of one user over a bucket in memory, and what must be in the bucket. */
class Clients {
  readonly #world: World;
  readonly #sessions: readonly Session[];
  readonly #reference = new ReferenceUploads();
  readonly #open = new Map<string, Opened>();

  constructor(world: World, sessions: readonly Session[]) {
    this.#world = world;
    this.#sessions = sessions;
  }

  async run(step: Step): Promise<void> {
    const { tree } = this.#session(step);
    const at = (name: string) => `/uploads/${name}`;
    const { stored } = this.#reference;
    switch (step.do) {
      case 'open':
        await this.#openFile(step);
        return;
      case 'write':
      case 'read':
      case 'fsize':
      case 'close':
      case 'disconnect':
        await this.#onHandle(step);
        return;
      case 'size':
        await this.#resize(step);
        return;
      case 'time': {
        const isDone = await accepted(
          tree.setAttributes(call, at(step.name), { mtimeSeconds: step.mtimeSeconds }),
        );
        const newest = this.#reference.newest(step.name);
        if (newest?.mayFail !== true) expect(isDone).toBe(stored.has(step.name) || newest !== null);
        if (isDone) expect((await tree.stat(call, at(step.name)))?.mtimeSeconds).toBe(step.mtimeSeconds);
        return;
      }
      case 'remove':
        expect(await accepted(tree.remove(call, at(step.name)))).toBe(stored.delete(step.name));
        return;
      case 'rename': {
        if (!(await accepted(tree.rename(call, at(step.from), at(step.to), step.replace)))) return;
        const moved = stored.get(step.from);
        expect(moved).toBeDefined();
        stored.delete(step.from);
        stored.set(step.to, moved ?? '');
        return;
      }
      case 'mkdir':
        await accepted(tree.makeDirectory(call, at(step.name)));
        return;
      case 'rmdir':
        if (await accepted(tree.removeDirectory(call, at(step.name))))
          expect(this.#reference.isFull(step.name)).toBe(false);
        return;
      case 'rename directory':
        if (await accepted(tree.rename(call, at(step.from), at(step.to), step.replace)))
          if (step.from !== step.to) this.#reference.moveDirectory(step.from, step.to);
        return;
      case 'foreign':
        this.#world.s3.put(`bob/uploads/${step.name}`, step.text);
        this.#world.expireListings();
        if (step.text === '' && step.name.endsWith('/')) stored.delete(step.name);
        else stored.set(step.name, step.text);
    }
  }

  /** Compares the bucket, and the sizes that STAT and FSTAT return, with the reference. */
  async check(): Promise<void> {
    const objects = [...this.#world.s3.objects]
      .map(([key, { bytes }]) => [key.replace('bob/uploads/', ''), Buffer.from(bytes).toString()] as const)
      .filter(([name, content]) => !name.endsWith('/') || content !== '');
    expect(new Map(objects)).toEqual(this.#reference.stored);
    for (const { real, expected } of this.#open.values())
      expect((await real.attributes()).size).toBe(expected.content.length);
    for (const [name, content] of this.#reference.stored) {
      if (name.endsWith('/')) continue;
      const shown = await this.#sessions[0]?.stat(`/uploads/${name}`);
      expect(shown?.size).toBe((this.#reference.newest(name)?.content ?? content).length);
    }
  }

  async end(): Promise<void> {
    for (const { real } of this.#open.values()) await real[Symbol.asyncDispose]();
    expect([this.#world.vault.openWriters, this.#world.vault.openReaders]).toEqual([0, 0]);
  }

  async #openFile(step: Extract<Step, { do: 'open' }>): Promise<void> {
    const place = `${step.client}${step.slot}`;
    if (this.#open.has(place)) return;
    const { name } = step;
    const stored = this.#reference.stored.get(name) ?? null;
    const isUsed = this.#reference.newest(name) !== null;
    const mode = { ...step.flags, attributes: {} };
    const etag = this.#etagOf(name);
    try {
      const real = await this.#session(step).tree.openWrite(call, `/uploads/${name}`, mode);
      const expected = new ReferenceHandle(step.client, name, step.flags, stored);
      expect(stored === null && !isUsed && !step.flags.create).toBe(false);
      expect((stored !== null || isUsed) && step.flags.exclusive).toBe(false);
      this.#open.set(place, { real, expected, etag });
      this.#reference.handles.push(expected);
    } catch (error) {
      const { kind } = Fault.from(error);
      expect(['not-found', 'exists', 'conflict', 'is-directory']).toContain(kind);
      const isPlain = !name.includes('/') && step.flags.create && !step.flags.exclusive;
      if (isPlain) expect([kind, step.flags.append && isUsed]).toEqual(['conflict', true]);
    }
  }

  async #onHandle(
    step: Extract<Step, { do: 'write' | 'read' | 'fsize' | 'close' | 'disconnect' }>,
  ): Promise<void> {
    const place = `${step.client}${step.slot}`;
    const found = this.#open.get(place);
    if (found === undefined) return;
    const { real, expected } = found;
    if (step.do === 'write') {
      const chunks = [Buffer.from(step.text)];
      const isDone = await accepted(real.write(call, step.offset, chunks));
      if (isDone) expected.write(step.offset, step.text);
      else expected.mayFail = true;
    } else if (step.do === 'fsize') {
      if (await accepted(real.setAttributes(call, { size: step.size }))) expected.resize(step.size);
      else expected.mayFail = true;
    } else if (step.do === 'read') await this.#read(step, found);
    else {
      this.#open.delete(place);
      if (step.do === 'close') await this.#close(found);
      await real[Symbol.asyncDispose]();
      this.#reference.close(expected);
    }
  }

  /** Sets the size by name: of the file that this client has open, or that is only an upload so far. */
  async #resize({ client, name, size }: Extract<Step, { do: 'size' }>): Promise<void> {
    const { stored } = this.#reference;
    const newest = this.#reference.newest(name);
    const isForHandle = newest !== null && (newest.client === client || !newest.keepsObject);
    const { tree } = this.#sessions[client] ?? {};
    const isDone = await accepted(tree?.setAttributes(call, `/uploads/${name}`, { size }));
    if (isForHandle && isDone) newest.resize(size);
    else if (isForHandle) newest.mayFail = true;
    else {
      expect(isDone).toBe(stored.has(name));
      const before = stored.get(name);
      if (!isDone || before === undefined || before.length === size) return;
      stored.set(name, sized(before, size));
      this.#follow(name);
    }
  }

  async #read(
    { offset, length }: Extract<Step, { do: 'read' }>,
    { real, expected, etag }: Opened,
  ): Promise<void> {
    const { flags, mayFail, opened, name, content } = expected;
    try {
      const views = await real.read(call, offset, length);
      const wanted = offset >= content.length ? null : content.slice(offset, offset + length);
      expect(views === null ? null : Buffer.concat(views).toString()).toBe(wanted);
      expect(flags.read).toBe(true);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      expect(['denied', 'conflict']).toContain(error.kind);
      // A handle that may read what it opened does, unless the object is another one.
      const isSame = opened === null || this.#etagOf(name) === etag;
      expect(flags.read && !mayFail && isSame, 'a good read is refused').toBe(false);
    }
  }

  async #close({ real, expected, etag }: Opened): Promise<void> {
    const { name, opened, flags, isTouched } = expected;
    const isSame = this.#etagOf(name) === etag;
    if (await accepted(real.commit(call))) {
      // A handle that changed nothing stores a file that was new or truncated, and nothing else.
      if (!isTouched && opened !== null) return;
      this.#reference.stored.set(name, expected.content);
      this.#follow(name);
      return;
    }
    const isWanted = isTouched && !expected.mayFail && isSame && !flags.exclusive;
    expect(isWanted, 'a good file is refused').toBe(false);
  }

  /** Applies the changes of the handles of a stored file to what one of the clients has stored now. */
  #follow(name: string): void {
    const content = this.#reference.stored.get(name) ?? '';
    for (const each of this.#open.values()) {
      if (each.expected.name !== name || each.expected.opened === null) continue;
      each.expected.follow(content);
      each.etag = this.#etagOf(name);
    }
  }

  #etagOf(name: string): string | undefined {
    return this.#world.s3.objects.get(`bob/uploads/${name}`)?.etag;
  }

  #session({ client: index }: Step): Session {
    const session = this.#sessions[index];
    if (session === undefined) throw new Error('there are two clients');
    return session;
  }
}

/** Returns whether the operation was answered with OK. Only faults may refuse it, and never a bug. */
async function accepted(operation: Promise<unknown> | undefined): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    expect(Fault.from(error).kind).not.toBe('bug');
    return false;
  }
}

async function compare(steps: readonly Step[]): Promise<void> {
  await using world = await World.make();
  const first = await world.restart(0);
  const clients = new Clients(world, [first, await world.login()]);
  for (const [index, each] of steps.entries()) {
    try {
      await clients.run(each);
      await clients.check();
    } catch (error) {
      const history = steps.slice(0, index + 1).map((one) => JSON.stringify(one));
      throw new Error(`after\n${history.join('\n')}`, { cause: error });
    }
  }
  await clients.end();
}

describe('any sequence of operations of two clients in /uploads', () => {
  it('keeps what was answered with OK, and changes nothing by what was refused', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' });
    await fc.assert(fc.asyncProperty(steps, compare), { numRuns: 500 });
  }, 180_000);
});
