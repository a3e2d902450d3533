import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileCache } from '../files/file-cache.js';
import { KeyringLock } from './keyring-lock.js';
import { SealedKeys } from './sealed-keys.js';
import { type KeyringWorld, keyringWorld, testClock } from './testing/keyring-world.js';

let world: KeyringWorld;
/** Cached reads of files since the last `take`. */
let reads: number;
const take = (): number => {
  const taken = reads;
  reads = 0;
  return taken;
};

beforeEach(async () => {
  world = await keyringWorld();
  reads = 0;
  const read = FileCache.prototype.read;
  vi.spyOn(FileCache.prototype, 'read').mockImplementation(function (this: FileCache<object>, path) {
    reads += 1;
    return read.call(this, path);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await world[Symbol.asyncDispose]();
});

async function fill(keyring: ReturnType<KeyringWorld['open']>, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await keyring.generate({ label: '', owner: { kind: 'none' } });
}

describe('the cost of a keyring', () => {
  it('of a new key is the same with 5 and with 50 keys', async () => {
    const keyring = world.open();
    const costs: number[] = [];
    for (const more of [5, 45]) {
      await fill(keyring, more);
      take();
      await keyring.generate({ label: '', owner: { kind: 'none' } });
      await keyring.list();
      costs.push(take());
    }
    expect(costs[1]).toBe(costs[0]);
    expect(costs[0]).toBeLessThan(30);
  });

  it('of a new key in a new process is one read of each description', async () => {
    await fill(world.open(), 30);
    const keyring = world.open();
    take();
    await keyring.generate({ label: '', owner: { kind: 'none' } });
    expect(take()).toBeLessThan(30 + 20);
  });

  it('of a check of a sample opens the same number of keys, whatever their number', async () => {
    const keyring = world.open();
    const opened = vi.spyOn(SealedKeys.prototype, 'tryOpen');
    for (const more of [6, 18]) {
      await fill(keyring, more);
      opened.mockClear();
      expect(await world.open().problems(6)).toEqual([]);
      expect(opened).toHaveBeenCalledTimes(6);
    }
  });

  it('includes keys of another process at once, before and after its own changes', async () => {
    const [one, other] = [world.open(), world.open()];
    for (let index = 1; index <= 20; index += 1) {
      await (index % 3 === 0 ? other : one).generate({ label: '', owner: { kind: 'none' } });
      expect([(await one.list()).length, (await other.list()).length]).toEqual([index, index]);
    }
  });

  it('reads all files for a copy while another process holds the lock', async () => {
    const one = world.open();
    await fill(one, 3);
    await vi.waitFor(async () => expect(await one.files()).toHaveLength(6));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const lock = new KeyringLock(join(world.root, 'var/lib/sftpgw/keyring.lock'), testClock);
    const holding = lock.hold(() => held);
    expect((await one.files()).map(({ name }) => name).sort()).toEqual((await readdir(world.keys)).sort());
    release();
    await holding;
  });
});
