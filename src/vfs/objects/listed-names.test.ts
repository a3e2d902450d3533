import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListPage, ListRequest } from '../../model/object-store.js';
import { FakeS3 } from '../testing/fake-s3.js';
import { ListedNames, type NameLists } from './listed-names.js';

const call = { id: 'c', signal: new AbortController().signal, log: silentLogger() };
const lifetimeMs = 2_000;

function silentLogger() {
  const nothing = () => undefined;
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };
  return log;
}

/** A bucket, and names that are remembered of it, with a clock that a test moves. */
class World {
  readonly s3 = new FakeS3();
  nowMs = 10_000;
  readonly names: ListedNames;
  readonly lists: NameLists;
  /** Set while answers wait. */
  #held: (() => void)[] | null = null;

  constructor(lifetime = lifetimeMs, maxBytes?: number) {
    const clock = { nowMs: () => 0, monotonicMs: () => this.nowMs, sleep: async () => undefined };
    this.names = new ListedNames(clock, lifetime, maxBytes);
    this.lists = this.names.over({
      list: async (given, request) => {
        const page = await this.s3.list(given, request);
        await new Promise<void>((resolve) => {
          if (this.#held === null) resolve();
          else this.#held.push(resolve);
        });
        return page;
      },
    });
  }

  ref(key: string) {
    return { bucket: this.s3.bucket, key };
  }

  list(request: Omit<ListRequest, 'bucket' | 'delimiter'>, after?: string): Promise<ListPage> {
    return this.lists.list(call, { bucket: this.s3.bucket, delimiter: '/', ...request }, after);
  }

  /** Holds all answers back until `answer`. */
  hold(): void {
    this.#held ??= [];
  }

  answerAll(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const answer of held) answer();
  }

  /** Returns what is known: `f` for a file, `d` for a directory, `-` for neither, `?` for what is not known. */
  known(key: string): string {
    const object = this.names.object(this.ref(key));
    const isDirectory = this.names.isDirectory(this.ref(key));
    const file = object === undefined ? '?' : object === null ? '-' : 'f';
    return file + (isDirectory === undefined ? '?' : isDirectory ? 'd' : '-');
  }
}

describe('a listed directory', () => {
  it('tells for two seconds which names are files, directories or neither', async () => {
    const world = new World();
    for (const key of ['p/a', 'p/d/x', 'p/both', 'p/both/x']) world.s3.put(key);
    await world.list({ prefix: 'p/' });
    const all = () => ['p/a', 'p/d', 'p/both', 'p/none', 'p/d/x', 'q/a'].map((key) => world.known(key));
    expect(all()).toEqual(['f-', '-d', 'fd', '--', '??', '??']);
    world.nowMs += lifetimeMs - 1;
    expect(all()).toEqual(['f-', '-d', 'fd', '--', '??', '??']);
    world.nowMs += 1;
    expect(all()).toEqual(['??', '??', '??', '??', '??', '??']);
  });

  it('counts from its request, not from its answer', async () => {
    const world = new World();
    world.hold();
    const listing = world.list({ prefix: 'p/' });
    await new Promise(setImmediate);
    world.nowMs += lifetimeMs - 1;
    world.answerAll();
    await listing;
    expect(world.known('p/a')).toBe('--');
    world.nowMs += 1;
    expect(world.known('p/a')).toBe('??');
  });

  it('forgets what this process changes, also if the change ends before its answer', async () => {
    const world = new World();
    world.s3.put('p/d/x');
    world.hold();
    const listing = world.list({ prefix: 'p/' });
    await new Promise(setImmediate);
    world.names.changed(world.ref('p/a'), 'written');
    world.answerAll();
    await listing;
    expect([world.known('p/a'), world.known('p/b')]).toEqual(['?-', '--']);
    world.names.changed(world.ref('p/b'), 'removed');
    world.names.changed(world.ref('p/e/f/g'), 'written');
    expect(['p/b', 'p/e', 'p/c'].map((key) => world.known(key))).toEqual(['?-', '-?', '--']);
  });

  it('remains a directory when a file in it is written, and may not be one when a file is removed', async () => {
    const world = new World();
    world.s3.put('p/d/x');
    await world.list({ prefix: 'p/' });
    world.names.changed(world.ref('p/d/y'), 'written');
    expect(world.known('p/d')).toBe('-d');
    world.names.changed(world.ref('p/d/y'), 'removed');
    expect(world.known('p/d')).toBe('-?');
  });

  it('is known as far as its pages reach', async () => {
    const world = new World();
    for (const name of ['a', 'b', 'b-1', 'b/x', 'c', 'd']) world.s3.put(`p/${name}`);
    const first = await world.list({ prefix: 'p/', maxKeys: 3 });
    expect(['p/a', 'p/b', 'p/c'].map((key) => world.known(key))).toEqual(['f-', 'f?', '??']);
    expect(['p/a', 'p/b'].map((key) => world.names.isListed(world.ref(key)))).toEqual([true, false]);
    await world.list({ prefix: 'p/', maxKeys: 2, continuation: first.continuation ?? '' }, 'p/b-1');
    expect(['p/b', 'p/c', 'p/d'].map((key) => world.known(key))).toEqual(['fd', 'f?', '??']);
    await world.list({ prefix: 'p/', startAfter: 'p/c' });
    expect(['p/d', 'p/z'].map((key) => world.known(key))).toEqual(['f-', '--']);
  });

  it('is large if a page has many names and is not the last one', async () => {
    const world = new World();
    for (let index = 0; index < 150; index += 1) world.s3.put(`p/${index}`);
    const isLarge = () => world.names.isLarge(world.ref('p/x'));
    await world.list({ prefix: 'p/', maxKeys: 2 });
    await world.list({ prefix: 'p/' });
    expect(isLarge()).toBe(false);
    await world.list({ prefix: 'p/', maxKeys: 100 });
    expect(isLarge()).toBe(true);
  });

  it('is known from the list of one name, and from that of what is below the name', async () => {
    const world = new World();
    world.s3.put('p/a');
    await world.list({ prefix: 'p/a', maxKeys: 1 });
    await world.list({ prefix: 'p/b/', maxKeys: 2 });
    expect(['p/a', 'p/b', 'p/a-1'].map((key) => world.known(key))).toEqual(['f-', '?-', '??']);
    world.names.changed(world.ref('p/b/x'), 'written');
    expect(world.known('p/b')).toBe('??');
  });

  it('is not remembered if the time is 0, or if the list fails', async () => {
    const off = new World(0);
    await off.list({ prefix: 'p/' });
    expect([off.known('p/a'), off.names.byteLength]).toEqual(['??', 0]);
    const world = new World();
    const lists = world.names.over({ list: () => Promise.reject(new Error('no answer')) });
    const request = { bucket: world.s3.bucket, prefix: 'p/', delimiter: '/' } as const;
    await expect(lists.list(call, request)).rejects.toThrow('no answer');
    expect([world.known('p/a'), world.names.byteLength]).toEqual(['??', 0]);
  });

  it('is forgotten when newer ones need the memory', async () => {
    const world = new World(lifetimeMs, 20_000);
    for (let index = 0; index < 100; index += 1) {
      world.s3.put(`p${index}/a`);
      await world.list({ prefix: `p${index}/` });
      expect(world.names.byteLength).toBeLessThanOrEqual(20_000);
    }
    expect([world.known('p0/a'), world.known('p99/a')]).toEqual(['??', 'f-']);
  });

  it('that changes too much is forgotten', async () => {
    const world = new World();
    await world.list({ prefix: 'p/' });
    for (let index = 0; index < 10_001; index += 1) world.names.changed(world.ref(`p/${index}`), 'written');
    expect(world.known('p/a')).toBe('??');
    expect(world.names.byteLength).toBe(0);
  });
});

const keys = ['p/a', 'p/a-1', 'p/a/x', 'p/b/', 'p/b/y/z', 'p/c'];
const questions = ['p/a', 'p/a-1', 'p/a/x', 'p/b', 'p/b/y', 'p/b/y/z', 'p/c'];
const requests = [
  { prefix: 'p/' },
  { prefix: 'p/', maxKeys: 2 },
  { prefix: 'p/', startAfter: 'p/a' },
  { prefix: 'p/a', maxKeys: 2 },
  { prefix: 'p/b', maxKeys: 10 },
  { prefix: 'p/b/', maxKeys: 2 },
  { prefix: 'p/c', maxKeys: 1 },
  { prefix: 'p/a/' },
];
const step = fc.oneof(
  fc.record({
    change: fc.constantFrom(...keys),
    exists: fc.boolean(),
    own: fc.constantFrom(true, true, false),
  }),
  fc.record({ request: fc.constantFrom(...requests) }),
  fc.record({ held: fc.boolean() }),
  fc.record({ passMs: fc.constantFrom(1, 500, 1_999, 2_000) }),
);

/** The bucket at some moment, and the change of this process that led to it. */
interface Moment {
  readonly atMs: number;
  readonly keys: ReadonlySet<string>;
  readonly own: { readonly key: string; readonly exists: boolean } | null;
}

/** Returns the names at every moment that an answer may come from, each with all later changes of this process. */
function allowed(history: readonly Moment[], nowMs: number): ReadonlySet<string>[] {
  const found: ReadonlySet<string>[] = [];
  const later: NonNullable<Moment['own']>[] = [];
  for (const { atMs, keys: present, own } of history.toReversed()) {
    const names = new Set(present);
    for (const { key, exists } of later.toReversed()) {
      if (exists) names.add(key);
      else names.delete(key);
    }
    found.push(names);
    if (own !== null) later.push(own);
    // A moment lasts until the next one.
    if (atMs <= nowMs - lifetimeMs) break;
  }
  return found;
}

describe('what is known of any sequence of lists and changes', () => {
  it('was true within two seconds, and includes every change of this process', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const world = new World();
        const history: Moment[] = [{ atMs: 0, keys: new Set(), own: null }];
        const pending: Promise<unknown>[] = [];
        for (const each of steps) {
          if ('change' in each) {
            if (each.exists) world.s3.put(each.change, 'x');
            else world.s3.objects.delete(each.change);
            if (each.own) world.names.changed(world.ref(each.change), each.exists ? 'written' : 'removed');
            history.push({
              atMs: world.nowMs,
              keys: new Set(world.s3.objects.keys()),
              own: each.own ? { key: each.change, exists: each.exists } : null,
            });
          } else if ('request' in each) pending.push(world.list(each.request));
          else if ('held' in each) {
            if (each.held) world.hold();
            else world.answerAll();
          } else world.nowMs += each.passMs;
          await new Promise(setImmediate);
          const moments = allowed(history, world.nowMs);
          for (const key of questions) {
            const known = world.known(key);
            const isBelow = (other: string) => other.startsWith(`${key}/`);
            const files = moments.map((names) => (names.has(key) ? 'f' : '-'));
            const directories = moments.map((names) => ([...names].some(isBelow) ? 'd' : '-'));
            expect([...files, '?'], key).toContain(known[0]);
            expect([...directories, '?'], key).toContain(known[1]);
          }
        }
        world.answerAll();
        await Promise.all(pending);
      }),
      { numRuns: 500 },
    );
  });
});
