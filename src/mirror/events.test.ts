import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { content, keyNamed } from '../vault/testing/vault-world.js';
import type { Mirror } from './mirror.js';
import { ManualClock } from './testing/manual-clock.js';
import { bucket, MirrorWorld } from './testing/mirror-world.js';

let world: MirrorWorld;
let clock: ManualClock;
let mirror: Mirror;

beforeEach(async () => {
  world = new MirrorWorld({ pageKeys: 100 });
  clock = new ManualClock();
  world.clock = clock;
  mirror = await world.mirror();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Waits for a condition in real time, while the mirror's clock is stopped. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition was not met');
    await new Promise((resume) => setTimeout(resume, 2));
  }
}

const holds = (path: string, text: string) => async () =>
  (await readFile(join(world.directory, path), 'utf8').catch(() => null)) === text;
const isGone = (path: string) => async () => !(await readdir(world.directory)).includes(path);

/** Starts the mirror and waits for the end of the first pass. */
async function started(): Promise<void> {
  mirror.start();
  await until(async () => (await mirror.status())[0]?.lastPass !== null);
}

function keyChanged(path: string): void {
  mirror.keyChanged(bucket, world.prefix + path);
}

describe('an event', () => {
  it('updates one object without a listing: new, changed or removed', async () => {
    await world.put('stays', 'x');
    await started();
    const { pages } = world.store;
    await world.put('d/e/f', 'new');
    keyChanged('d/e/f');
    await until(holds('d/e/f', 'new'));
    await world.put('d/e/f', 'changed');
    keyChanged('d/e/f');
    await until(holds('d/e/f', 'changed'));
    await world.remove('d/e/f');
    keyChanged('d/e/f');
    await until(isGone('d'));
    expect(world.store.pages).toBe(pages);
    expect(await world.onDisk()).toEqual({ stays: 'x' });
  });

  it('that repeats many times costs little, and the last state counts', async () => {
    await started();
    for (let version = 1; version <= 20; version += 1) {
      await world.put('f', `version ${version}`);
      for (let times = 0; times < 20; times += 1) keyChanged('f');
    }
    await until(holds('f', 'version 20'));
    world.takeReads();
    keyChanged('f');
    keyChanged('f');
    await until(() => world.memory.count('read') > 0);
    expect(await world.onDisk()).toEqual({ f: 'version 20' });
  });

  it('for a large object fetches it in ranges', async () => {
    world.settings = { ...world.settings, rangeBytes: 50_000 };
    await started();
    const bytes = content(400_000);
    await world.put('large', bytes);
    keyChanged('large');
    await until(holds('large', bytes.toString('utf8')));
  });

  it('newer than a running listing is not undone by it', async () => {
    for (let i = 0; i < 3; i += 1) await world.put(`f${i}`, 'x');
    await started();
    const releases: (() => void)[] = [];
    world.store.afterPage = () => new Promise((resolve) => releases.push(resolve));
    const pass = mirror.runOnce('downloads/alice');
    // The page is complete, and its answer is held.
    await until(() => releases.length > 0);
    // The requested page does not include the new object.
    await world.put('d/g', 'new');
    keyChanged('d/g');
    await until(holds('d/g', 'new'));
    world.store.afterPage = () => undefined;
    for (const release of releases) release();
    expect(await pass).toMatchObject({ result: 'complete', deleted: 0 });
    expect(await world.onDisk()).toMatchObject({ 'd/g': 'new' });
  });

  it('that needs a full comparison starts a pass at once', async () => {
    await world.put('a', 'file');
    await started();
    await world.put('a/b', 'below');
    keyChanged('a/b');
    await until(holds('a/b', 'below'));
    await world.put('marked/', '');
    keyChanged('marked/');
    await until(async () => 'marked/' in (await world.onDisk()));
  });

  it('for another bucket or prefix is ignored', async () => {
    await started();
    world.takeReads();
    mirror.keyChanged('other', `${world.prefix}f`);
    mirror.keyChanged(bucket, 'bob/downloads/f');
    keyChanged('');
    // An event that counts comes after them, and is the only one that causes a read.
    await world.put('counted', 'x');
    keyChanged('counted');
    await until(holds('counted', 'x'));
    expect(world.takeReads()).toBe(1);
  });
});

describe('polling', () => {
  async function passesWithin(ms: number): Promise<number> {
    const { pages } = world.store;
    for (let passed = 0; passed < ms; passed += 500) {
      await clock.advance(500);
      await new Promise((resume) => setTimeout(resume, 4));
      // A running pass does not use the time that the test adds.
      await until(async () => (await mirror.liveStatus()).every(({ progress }) => progress === null));
    }
    return world.store.pages - pages;
  }

  it('finds a change within the interval, polls more often after it, then slows down', async () => {
    await world.put('f', 'x');
    await started();
    expect(await passesWithin(12_000)).toBeGreaterThanOrEqual(3);
    expect(await passesWithin(60_000)).toBeLessThanOrEqual(8);
    await world.put('f', 'changed');
    await passesWithin(10_500);
    expect(await world.onDisk()).toEqual({ f: 'changed' });
  });

  it('is rare while events report changes', async () => {
    world.hasEvents = true;
    await started();
    await passesWithin(120_000);
    expect(await passesWithin(120_000)).toBeLessThanOrEqual(4);
  });
});

describe('the mirrored prefixes', () => {
  it('follow the sources: a new one starts, and a removed one keeps its directory', async () => {
    await world.put('f', 'x');
    const all = world.sources;
    world.sources = () => [];
    mirror.start();
    world.sources = all;
    await clock.advance(2_500);
    await until(holds('f', 'x'));
    world.sources = () => [];
    await clock.advance(4_000);
    await world.put('f', 'y');
    await clock.advance(30_000);
    expect(await world.onDisk()).toEqual({ f: 'x' });
  });

  it('are compared again as soon as another key is available', async () => {
    const bob = keyNamed('bob');
    await world.put('f', 'x', bob);
    await started();
    await clock.advance(4_000);
    world.hasEvents = true;
    await until(async () => (await mirror.status())[0]?.problemCount === 1);
    world.keys = [...world.keys, bob];
    await clock.advance(2_500);
    await until(holds('f', 'x'));
  });
});
