import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import type { MirrorPrefix } from '../../model/mirror.js';
import type { Mirror } from '../mirror.js';
import { ManualClock } from '../testing/manual-clock.js';
import { MirrorWorld } from '../testing/mirror-world.js';

const minuteMs = 60_000;

let world: MirrorWorld;
let clock: ManualClock;
let mirror: Mirror;

beforeEach(async () => {
  world = new MirrorWorld({ pageKeys: 1000 });
  clock = new ManualClock();
  world.clock = clock;
  world.settings = { ...world.settings, parallelPasses: 32 };
  mirror = await world.mirror();
});
afterEach(() => world[Symbol.asyncDispose]());

const prefixOf = (user: number): string => `user${user}/downloads/`;
const nameOf = (user: number): string => `downloads/user${user}`;

async function put(user: number, path: string, text = 'x'): Promise<void> {
  world.prefix = prefixOf(user);
  await world.put(path, text, 'plain');
}

/** Starts a mirror of this many prefixes with one object each, and waits for the first passes. */
async function start(users: number): Promise<void> {
  const prefixes: MirrorPrefix[] = [];
  for (let user = 0; user < users; user += 1) {
    await put(user, 'f');
    prefixes.push({
      name: nameOf(user),
      bucket: world.bucket,
      prefix: prefixOf(user),
      directory: join(world.root, `user${user}`),
      keys: async () => [],
      keysStamp: 'none',
    });
  }
  world.sources = () => prefixes;
  mirror.start();
  await quiet();
  await expect
    .poll(async () => (await mirror.status()).every(({ lastPass }) => lastPass !== null))
    .toBe(true);
}

/** Waits until no pass is running. The mirror's clock is stopped meanwhile. */
async function quiet(): Promise<void> {
  for (let calm = 0; calm < 3; ) {
    await new Promise((resume) => setTimeout(resume, 2));
    const isCalm = (await mirror.liveStatus()).every(({ progress }) => progress === null);
    calm = isCalm ? calm + 1 : 0;
  }
}

/** Advances the clock. Returns the number of lists meanwhile. */
async function listsWithin(ms: number): Promise<number> {
  const before = world.store.pages;
  for (let passed = 0; passed < ms; passed += 5_000) {
    await clock.advance(5_000);
    await quiet();
  }
  return world.store.pages - before;
}

async function objectsOf(user: number): Promise<number | undefined> {
  return (await mirror.status()).find(({ name }) => name === nameOf(user))?.objects;
}

describe('idle prefixes', { timeout: 60_000 }, () => {
  it.each([15, 45])('share their lists, so that %i users cost few per minute', async (users) => {
    await start(users);
    // A small gateway compares its prefixes often for ten minutes after the start.
    await listsWithin(12 * minuteMs);
    expect(await listsWithin(10 * minuteMs)).toBeLessThanOrEqual(4);
  });

  it.each([30, 60])(
    'are all %i of a large gateway after its start, although it fetches objects',
    async (users) => {
      await start(users);
      expect(await listsWithin(10 * minuteMs)).toBeLessThanOrEqual(4);
    },
  );

  it('show a change within five minutes, and are compared often after it', async () => {
    await start(12);
    await listsWithin(14 * minuteMs);
    await put(7, 'g');
    await listsWithin(5 * minuteMs);
    expect(await objectsOf(7)).toBe(2);
    await put(7, 'h');
    await listsWithin(15_000);
    expect(await objectsOf(7)).toBe(3);
  });

  it('are compared at once and often while their user is logged in', async () => {
    await start(12);
    await listsWithin(14 * minuteMs);
    await put(7, 'g');
    const closed = mirror.sessionOpened([nameOf(7)]);
    await listsWithin(5_000);
    expect(await objectsOf(7)).toBe(2);
    await listsWithin(14 * minuteMs);
    await put(7, 'h');
    await listsWithin(15_000);
    expect(await objectsOf(7)).toBe(3);
    closed();
    await listsWithin(14 * minuteMs);
    expect(await listsWithin(4 * minuteMs)).toBeLessThanOrEqual(2);
  });

  it('are reported as current while their listing does not change, and as behind otherwise', async () => {
    await start(12);
    await listsWithin(24 * minuteMs);
    const all = await mirror.liveStatus();
    expect(all.map(({ lagMs }) => (lagMs ?? Infinity) <= 5 * minuteMs)).not.toContain(false);
    expect(all.map(({ isBehind }) => isBehind)).not.toContain(true);
    world.store.beforePage = () => {
      throw new Fault('unavailable', 'S3 is unavailable');
    };
    await listsWithin(15 * minuteMs);
    expect((await mirror.liveStatus()).map(({ isBehind }) => isBehind)).not.toContain(false);
    expect(world.lines.filter(({ message }) => message === 'idle check failed')).toHaveLength(1);
  });

  it('are listed one by one, within the budget, if their parent must not be listed', async () => {
    world.settings = { ...world.settings, idleRequestsPerMinute: 20 };
    const list = world.store.list.bind(world.store);
    world.store.list = async (call, request) => {
      if (request.prefix === '') throw new Fault('denied', 'access denied');
      return await list(call, request);
    };
    await start(12);
    await listsWithin(14 * minuteMs);
    expect(await listsWithin(10 * minuteMs)).toBeLessThanOrEqual(10 * 20 + 4);
    await put(7, 'g');
    await listsWithin(6 * minuteMs);
    expect(await objectsOf(7)).toBe(2);
  });
});
