import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileCache } from '../files/file-cache.js';
import { Fault } from '../model/fault.js';
import type { MirrorSources } from '../model/mirror.js';
import { parseUsername } from '../model/users.js';
import { call, keyNamed, quickClock, seededEntropy } from '../vault/testing/vault-world.js';
import { createMirrorSources } from './mirror-sources.js';
import { type TestKeys, testKeys } from './testing/test-keys.js';
import { createUsers } from './user-directory.js';

let root: string;
let held: TestKeys;
let sources: MirrorSources;
/** Calls of the keyring since the last `take`, by name. */
let counts: Record<string, number>;
/** Cached reads of files since the last `take`. */
let reads: number;

/** Returns the number of operations since the last call. */
function take(): { readonly keyring: number; readonly reads: number } {
  const taken = { keyring: Object.values(counts).reduce((sum, count) => sum + count, 0), reads };
  counts = {};
  reads = 0;
  return taken;
}

async function addUsers(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const directory = join(root, 'home', `user${index}`, '.sftpgateway');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'user.properties'), 'downloads=yes\n');
    await held.keyring.import(keyNamed(`user${index}`), {
      label: '',
      owner: { kind: 'user', username: parseUsername(`user${index}`) },
      origin: 'imported',
    });
  }
}

/** Lists the sources and asks each new or changed one for its keys, as the mirror does every two seconds. */
function refresher(): () => Promise<number> {
  const stamps = new Map<string, string | null>();
  return async () => {
    let asked = 0;
    for (const { name, keys, keysStamp } of (await sources.list()).prefixes) {
      if (keysStamp !== null && stamps.get(name) === keysStamp) continue;
      stamps.set(name, keysStamp);
      await keys();
      asked += 1;
    }
    return asked;
  };
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sources-growth-'));
  counts = {};
  reads = 0;
  held = testKeys(root, call().log);
  for (const name of ['byOwner', 'list', 'open', 'describe'] as const) {
    const original = held.keyring[name].bind(held.keyring) as (...args: unknown[]) => unknown;
    vi.spyOn(held.keyring, name).mockImplementation(((...args: unknown[]) => {
      counts[name] = (counts[name] ?? 0) + 1;
      return original(...args);
    }) as never);
  }
  const read = FileCache.prototype.read;
  vi.spyOn(FileCache.prototype, 'read').mockImplementation(function (this: FileCache<object>, path) {
    reads += 1;
    return read.call(this, path);
  });
  // Files that changed within the last 2.5 s are read each time.
  const now = Date.now();
  vi.spyOn(Date, 'now').mockReturnValue(now + 60_000);
  const directories = {
    homes: join(root, 'home'),
    shared: join(root, 'shared'),
    removed: join(root, 'removed'),
  };
  const services = {
    directories,
    defaults: () => ({ bucket: 'bucket' }),
    keys: held.keys,
    clock: quickClock,
    entropy: seededEntropy('users'),
  };
  const users = createUsers(services).directory;
  sources = createMirrorSources({
    ...services,
    sharedSettingsDirectory: join(root, 'root'),
    users,
    call: call(),
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

describe('the list of mirrored prefixes', () => {
  it.each([5, 40])(
    'costs one question to the keyring and reads no file while nothing changes, with %i users',
    async (users) => {
      await addUsers(users);
      const refresh = refresher();
      expect(await refresh()).toBe(users);
      take();
      expect(await refresh()).toBe(0);
      expect(take()).toEqual({ keyring: 1, reads: 0 });
    },
  );

  it.each([5, 40])('asks only for the keys of the user whose files changed, among %i', async (users) => {
    await addUsers(users);
    const refresh = refresher();
    await refresh();
    take();
    await writeFile(join(root, 'home/user3/.sftpgateway/sse-sync.key'), keyNamed('new').reveal(), {
      mode: 0o600,
    });
    expect(await refresh()).toBe(1);
    expect(take().reads).toBeLessThan(20);
    expect(await refresh()).toBe(1);
    expect(await refresh()).toBe(0);
  });

  it.each([5, 40])('asks only for the keys of the owner of a new key, among %i', async (users) => {
    await addUsers(users);
    const refresh = refresher();
    await refresh();
    await held.keyring.generate({ label: '', owner: { kind: 'user', username: parseUsername('user3') } });
    expect(await refresh()).toBe(1);
    await held.keyring.generate({ label: '', owner: { kind: 'none' } });
    expect(await refresh(), 'a key without an owner').toBe(users);
    expect(await refresh()).toBe(0);
  });

  it.each(['sse-sync.key', 'sse.key', 'user.properties'])(
    'asks for the keys of the shared directory after a change of its %s',
    async (name) => {
      const directory = join(root, 'root');
      await mkdir(directory);
      await writeFile(join(directory, 'sse-sync.key'), keyNamed('first').reveal(), { mode: 0o600 });
      const refresh = refresher();
      // Reading a key for the first time imports it, which changes the keyring.
      expect([await refresh(), await refresh(), await refresh()]).toEqual([1, 1, 0]);
      const content = name === 'user.properties' ? 'sse.sync.option=3\n' : keyNamed('second').reveal();
      await writeFile(join(directory, name), content, { mode: 0o600 });
      expect(await refresh()).toBe(1);
    },
  );

  it('asks for all keys each time while the keyring, or the time of a change, is not certain', async () => {
    await addUsers(2);
    const refresh = refresher();
    expect([await refresh(), await refresh()]).toEqual([2, 0]);
    const byOwner = vi.mocked(held.keyring.byOwner);
    const working = byOwner.getMockImplementation();
    if (working === undefined) throw new Error('the keyring is not counted');
    byOwner.mockRejectedValue(new Fault('unavailable', 'x'));
    expect(await held.keys.keyringStamps()).toBeNull();
    expect([await refresh(), await refresh()]).toEqual([2, 2]);
    byOwner.mockImplementation(working);
    expect([await refresh(), await refresh()]).toEqual([2, 0]);
    vi.spyOn(Date, 'now').mockReturnValue(0);
    expect([await refresh(), await refresh()]).toEqual([2, 2]);
  });
});
