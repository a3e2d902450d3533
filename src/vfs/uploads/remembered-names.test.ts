import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putMode, type Session, World } from '../testing/world.js';

let world: World;
let bob: Session;
let other: Session;

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
  other = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

const put = (path: string, content = 'x') => world.s3.put(`bob/uploads/${path}`, content);

/** Returns the number of lists that `work` takes. */
async function listsOf(work: () => Promise<unknown>): Promise<number> {
  world.s3.listed.length = 0;
  await work();
  return world.s3.listed.length;
}

/** Asks for a name that does not exist, and stores it. */
async function send(path: string): Promise<void> {
  expect(await bob.stat(path)).toBeNull();
  await bob.write(path, 'x');
}

describe('the names of a directory', () => {
  it('are listed one by one for a client that sends two files, and at once for one that sends more', async () => {
    put('d/theirs');
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory' });
    world.expireListings();
    expect(await listsOf(() => send('/uploads/d/0'))).toBe(1);
    expect(await listsOf(() => send('/uploads/d/1'))).toBe(1);
    const more = Array.from({ length: 50 }, (_, index) => `/uploads/d/${index + 2}`);
    const sendMore = async () => {
      for (const path of more) await send(path);
    };
    expect(await listsOf(sendMore)).toBe(1);
    const [listed] = world.s3.listed;
    expect(listed).toEqual({ bucket: 'bucket', prefix: 'bob/uploads/d/', delimiter: '/' });
    world.nowMs += 2_000;
    expect(await listsOf(() => send('/uploads/d/last'))).toBe(1);
  });

  it('are known after a listing, with sizes and times', async () => {
    await bob.write('/uploads/a', 'four');
    await bob.tree.setAttributes(world.call, '/uploads/a', { mtimeSeconds: 77 });
    put('theirs', 'seven77');
    put('d/x');
    await bob.list('/uploads');
    const found = async () => [
      await bob.stat('/uploads/a'),
      await bob.stat('/uploads/theirs'),
      await other.stat('/uploads/none'),
    ];
    expect(await listsOf(found)).toBe(0);
    expect(await found()).toMatchObject([{ size: 4, mtimeSeconds: 77 }, { size: 7 }, null]);
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory' });
    await bob.tree.setAttributes(world.call, '/uploads/a', { mtimeSeconds: 78 });
    expect(await other.stat('/uploads/a')).toMatchObject({ mtimeSeconds: 78 });
  });

  it('include the changes of every session of the gateway at once', async () => {
    put('d/keep');
    await bob.list('/uploads');
    await bob.list('/uploads/d');
    await bob.write('/uploads/a', 'one');
    await bob.write('/uploads/d/new', 'x');
    await bob.mkdir('/uploads/e');
    expect(await other.stat('/uploads/a')).toMatchObject({ type: 'file', size: 3 });
    expect(await other.stat('/uploads/d/new')).toMatchObject({ type: 'file' });
    expect(await other.stat('/uploads/e')).toMatchObject({ type: 'directory' });
    await other.rename('/uploads/a', '/uploads/b');
    await other.rename('/uploads/d', '/uploads/e/d');
    expect([await bob.stat('/uploads/a'), await bob.stat('/uploads/d')]).toEqual([null, null]);
    expect(await bob.stat('/uploads/b')).toMatchObject({ size: 3 });
    expect(await bob.stat('/uploads/e/d/new')).toMatchObject({ type: 'file' });
    await other.remove('/uploads/b');
    expect(await bob.stat('/uploads/b')).toBeNull();
  });

  it('include the changes of other clients after two seconds', async () => {
    put('theirs', 'x');
    await bob.list('/uploads');
    put('theirs', 'longer');
    put('new', 'x');
    world.s3.objects.delete('bob/uploads/gone');
    world.nowMs += 2_000;
    expect(await bob.stat('/uploads/theirs')).toMatchObject({ size: 6 });
    expect(await bob.stat('/uploads/new')).toMatchObject({ size: 1 });
    world.s3.objects.delete('bob/uploads/new');
    world.nowMs += 2_000;
    expect(await bob.stat('/uploads/new')).toBeNull();
  });

  it('include the changes of other clients from before the login', async () => {
    await bob.list('/uploads');
    put('theirs', 'seven77');
    expect(await bob.stat('/uploads/theirs')).toBeNull();
    world.nowMs += 1;
    const later = await world.login();
    expect(await later.stat('/uploads/theirs')).toMatchObject({ size: 7 });
    expect(await bob.stat('/uploads/theirs')).toMatchObject({ size: 7 });
  });

  it('include every name that a listing has shown, also those of other clients', async () => {
    await bob.list('/uploads');
    put('file');
    put('d/x');
    expect(await bob.stat('/uploads/file')).toBeNull();
    expect(await bob.list('/uploads')).toEqual(['d/', 'file']);
    expect(await bob.stat('/uploads/file')).toMatchObject({ type: 'file' });
    expect(await other.stat('/uploads/d')).toMatchObject({ type: 'directory' });
  });

  it('are told apart if many others lie between a name as a file and as a directory', async () => {
    for (let index = 10; index < 30; index += 1) put(`a-${index}`);
    put('a/x');
    expect(await listsOf(() => bob.stat('/uploads/a'))).toBe(2);
    expect(await bob.stat('/uploads/a')).toMatchObject({ type: 'directory' });
    world.expireListings();
    world.s3.objects.delete('bob/uploads/a/x');
    expect(await bob.stat('/uploads/a')).toBeNull();
    world.expireListings();
    put('a');
    expect(await bob.stat('/uploads/a')).toMatchObject({ type: 'file' });
  });

  it('are listed once for names in any order, also after a STAT of the directory', async () => {
    for (let index = 0; index < 20; index += 1) put(`d/${index}`);
    await bob.stat('/uploads/d');
    const ask = async () => {
      for (let index = 99; index >= 0; index -= 1) expect(await bob.stat(`/uploads/d/x${index}`)).toBeNull();
    };
    expect(await listsOf(ask)).toBe(3);
  });

  it('of a large directory are listed from the name on that a client asks for', async () => {
    for (let index = 0; index < 3_000; index += 1) put(`d/a${String(index).padStart(4, '0')}`);
    const names = Array.from({ length: 200 }, (_, index) => `/uploads/d/b${String(index).padStart(4, '0')}`);
    const ask = async () => {
      for (const path of names) expect(await bob.stat(path)).toBeNull();
    };
    expect(await listsOf(ask)).toBeLessThanOrEqual(8);
    expect(world.s3.listed.at(-1)).toMatchObject({
      prefix: 'bob/uploads/d/',
      startAfter: expect.stringMatching(/\/b\d+$/),
    });
  });

  it('are never taken from memory to create a file exclusively, to rename or to make a directory', async () => {
    await bob.list('/uploads');
    put('theirs');
    await expect(bob.write('/uploads/theirs', 'x', { ...putMode, exclusive: true })).rejects.toMatchObject({
      kind: 'exists',
    });
    await bob.write('/uploads/mine', 'x');
    await bob.list('/uploads');
    put('late');
    await expect(bob.rename('/uploads/mine', '/uploads/late')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.mkdir('/uploads/late')).rejects.toMatchObject({ kind: 'exists' });
    expect(await bob.read('/uploads/late')).toBe('x');
  });

  it('do not refuse a file under the name of a directory that another client has removed', async () => {
    put('d/x');
    await bob.list('/uploads');
    world.s3.objects.delete('bob/uploads/d/x');
    await bob.write('/uploads/d', 'a file now');
    expect(await bob.read('/uploads/d')).toBe('a file now');
  });

  it('are not remembered with listing.cache.time=0s, except that a missing name does not count as a directory for two seconds', async () => {
    world.listingCacheMs = 0;
    bob = await world.restart();
    const sendTen = async () => {
      for (let index = 0; index < 10; index += 1) await send(`/uploads/${index}`);
    };
    expect(await listsOf(sendTen)).toBe(10);
    put('theirs');
    expect(await bob.stat('/uploads/theirs')).toMatchObject({ size: 1 });
    put('theirs', 'longer');
    expect(await bob.stat('/uploads/theirs')).toMatchObject({ size: 6 });
  });
});

describe('size and time of a listed file', () => {
  let described: string[];

  beforeEach(() => {
    described = [];
    const describeObject = world.vault.describe.bind(world.vault);
    world.vault.describe = (call, ref, keys) => {
      described.push(ref.key);
      return describeObject(call, ref, keys);
    };
  });

  it('come from the listing and the ledger if the ledger describes the object', async () => {
    await bob.write('/uploads/a', 'four');
    await bob.write('/uploads/timed', 'four', { ...putMode, attributes: { mtimeSeconds: 77 } });
    expect(await bob.stat('/uploads/a')).toMatchObject({ size: 4, mtimeSeconds: 1_700_000_000 });
    expect(await bob.stat('/uploads/timed')).toMatchObject({ size: 4, mtimeSeconds: 77 });
    expect(described).toEqual([]);
  });

  it('come from a HEAD if the listing has another size than the ledger', async () => {
    await bob.write('/uploads/a', 'four');
    const list = world.s3.list.bind(world.s3);
    world.s3.list = async (call, request) => {
      const page = await list(call, request);
      return { ...page, objects: page.objects.map((object) => ({ ...object, size: object.size + 4096 })) };
    };
    expect(await bob.stat('/uploads/a')).toMatchObject({ size: 4 });
    expect(described).toEqual(['bob/uploads/a']);
  });

  it('come from a HEAD if another client wrote or replaced it, so that its metadata counts', async () => {
    await bob.write('/uploads/a', 'four');
    world.s3.put('bob/uploads/a', 'longer', { kind: 'sse-s3' }, 88);
    world.s3.put('bob/uploads/theirs', 'x', { kind: 'sse-s3' }, 99);
    expect(await bob.stat('/uploads/a')).toMatchObject({ size: 6, mtimeSeconds: 88 });
    expect(await bob.stat('/uploads/theirs')).toMatchObject({ size: 1, mtimeSeconds: 99 });
    expect(described).toEqual(['bob/uploads/a', 'bob/uploads/theirs']);
  });

  it('come from a HEAD in direct downloads if the ledger has no time, because the mirror records none', async () => {
    world.change({ downloads: true, downloadsMode: 'direct' });
    const { etag } = world.s3.put('bob/downloads/f', 'x', { kind: 'sse-s3' }, 99);
    const row = {
      ref: { bucket: 'bucket', key: 'bob/downloads/f' },
      etag,
      size: 1,
      checksum: null,
      versionId: null,
    };
    const found = { isLatest: true, sealedWith: { kind: 'sse-s3' }, lastModifiedMs: 0, listedMs: 0 } as const;
    await world.vault.restore([{ ...row, ...found, mtimeSeconds: null }]);
    expect(await bob.stat('/downloads/f')).toMatchObject({ mtimeSeconds: 99 });
    await world.vault.restore([{ ...row, ...found, mtimeSeconds: 66 }]);
    expect(await bob.stat('/downloads/f')).toMatchObject({ mtimeSeconds: 66 });
    expect(described).toEqual(['bob/downloads/f']);
  });
});
