import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import { Fault } from '../model/fault.js';
import { call, content, keyNamed, refOf, targetOf } from '../vault/testing/vault-world.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

const foreign = keyNamed('foreign');
const names = Array.from({ length: 16 }, (_, index) => `alice/uploads/f${String(index).padStart(2, '0')}`);

async function filled(options = {}): Promise<RotationWorld> {
  const world = await RotationWorld.open(options);
  for (const name of names) await world.put(name, content(100, name));
  return world;
}

async function expectRotated(world: RotationWorld, name: string, bytes = content(100, name)): Promise<void> {
  expect(world.store.contentOf(refOf(name)), name).toEqual(bytes);
  expect(world.keyAt(name), name).toBe(newKey.fingerprint);
  expect(await world.keyByLedger(name), name).toBe(newKey.fingerprint);
}

describe('a rotation', () => {
  it.each([false, true])(
    're-encrypts every object with the new key and retires the old one (ETag is MD5: %s)',
    async (etagIsMd5) => {
      await using world = await filled({ store: { etagIsMd5 } });
      await world.put('alice/uploads/empty', Buffer.alloc(0));
      await world.put('alice/uploads/plain', content(5), null);
      await world.put('bob/uploads/other', content(5, 'bob'), foreign);
      const done = await world.run(await world.begin());
      for (const name of names) await expectRotated(world, name);
      await expectRotated(world, 'alice/uploads/empty', Buffer.alloc(0));
      expect(world.keyAt('alice/uploads/plain')).toBeNull();
      expect(world.keyAt('bob/uploads/other')).toBe(foreign.fingerprint);
      expect(done).toMatchObject({ state: 'done', counts: { rekeyed: 17, withoutKey: 1, failed: 0 } });
      expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
      expect(world.retired).toEqual([oldKey.fingerprint]);
    },
  );

  it('changes nothing when it runs again', async () => {
    await using world = await filled();
    await world.run(await world.begin());
    const etags = names.map((name) => world.store.infoOf(refOf(name))?.etag);
    const again = await world.run(await world.begin());
    expect(again.counts).toMatchObject({ rekeyed: 0, already: 16 });
    expect(names.map((name) => world.store.infoOf(refOf(name))?.etag)).toEqual(etags);
  });

  it('finds the keys of objects unknown to the ledger, and reports those that no key opens', async () => {
    await using world = await filled();
    const writing = { acl: null, metadata: {}, contentType: null } as const;
    const body = {
      chunks: [Buffer.from('x')],
      byteLength: 1,
      checksum: checksumOf('crc32c', Buffer.from('x')),
    };
    const put = (name: string, key = oldKey) =>
      world.store.put(call(), refOf(name), body, { ...writing, encryption: { kind: 'sse-c', key } });
    await put('alice/uploads/behind');
    await put('alice/uploads/locked', foreign);
    const done = await world.run(await world.begin());
    await expectRotated(world, 'alice/uploads/behind', Buffer.from('x'));
    expect(done.counts).toMatchObject({ rekeyed: 17, failed: 1 });
    expect(await world.opened.jobs.problems(done.id)).toMatchObject([
      { key: 'alice/uploads/locked', versionId: null, kind: 'key-mismatch' },
    ]);
    expect(world.keyAt('alice/uploads/locked')).toBe(foreign.fingerprint);
    // The object that failed may still need it.
    expect(done.retiredKeys).toEqual([]);
  });

  it('keeps the ACL, the tags, the type and the times', async () => {
    await using world = await RotationWorld.open();
    const encryption = { kind: 'sse-c', key: oldKey } as const;
    const target = targetOf('alice/a', { encryption, acl: 'public-read', mtimeSeconds: 1000 });
    await using writer = await world.opened.vault.openUpload(call(), target);
    await writer.write(0, [content(10)]);
    await writer.commit(call());
    await world.put('alice/b', content(10));
    const before = world.store.infoOf(refOf('alice/b'))?.lastModifiedMs ?? 0;
    await world.store.putTags(call(), refOf('alice/a'), { a: 'b' });
    await world.run(await world.begin());
    expect(await world.store.getAcl(call(), refOf('alice/a'))).toBe('public-read');
    expect(await world.store.getTags(call(), refOf('alice/a'))).toMatchObject({ a: 'b' });
    const mtime = async (name: string) =>
      (await world.opened.vault.describe(call(), refOf(name), [newKey]))?.mtimeSeconds;
    expect(await mtime('alice/a')).toBe(1000);
    expect(await mtime('alice/b')).toBe(Math.floor(before / 1000));
  });

  it('resumes where it was cancelled', async () => {
    await using world = await filled();
    const cancel = new AbortController();
    let copies = 0;
    world.store.hooks.before = (operation) => {
      if (operation === 'copy' && ++copies === 12) cancel.abort();
    };
    const slow = { objectsPerSecond: null, bytesPerSecond: null, parallel: 1 };
    await expect(world.run(await world.begin({ pace: slow }), cancel.signal)).rejects.toMatchObject({
      kind: 'cancelled',
    });
    world.store.hooks = {};
    await world.restart();
    const [job] = await world.opened.jobs.running();
    if (job === undefined) throw new Error('the job does not exist');
    expect(job.counts.rekeyed).toBeGreaterThan(4);
    expect(job.cursor).not.toBeNull();
    const done = await world.run(job);
    for (const name of names) await expectRotated(world, name);
    expect(done.counts.rekeyed + done.counts.already).toBe(16);
  });

  it('stops when S3 is unavailable, and keeps its progress', async () => {
    await using world = await filled();
    world.store.hooks.before = (operation, { key }) => {
      if (operation === 'copy' && key === names[10]) throw new Fault('unavailable', 'S3 is unavailable');
    };
    const job = await world.begin({ pace: { objectsPerSecond: null, bytesPerSecond: null, parallel: 1 } });
    await expect(world.run(job)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await world.opened.jobs.find(job.id))?.cursor).toBe(names[9]);
  });

  it('rotates an upload that completes under the older key after its name was passed', async () => {
    await using world = await filled();
    const encryption = { kind: 'sse-c', key: oldKey } as const;
    await using late = await world.opened.vault.openUpload(call(), targetOf('alice/a-late', { encryption }));
    await late.write(0, [content(50, 'late')]);
    world.store.hooks.before = async (operation, { key }) => {
      if (operation !== 'copy' || key !== names[8]) return;
      world.store.hooks = {};
      await late.commit(call());
    };
    const done = await world.run(await world.begin());
    await expectRotated(world, 'alice/a-late', content(50, 'late'));
    expect(done.counts.rekeyed).toBe(17);
    expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
  });

  it('keeps a key active that a running upload still needs', async () => {
    await using world = await filled();
    const encryption = { kind: 'sse-c', key: oldKey } as const;
    await using late = await world.opened.vault.openUpload(call(), targetOf('alice/a-late', { encryption }));
    await late.write(0, [content(50, 'late')]);
    const done = await world.run(await world.begin());
    expect(done.retiredKeys).toEqual([]);
  });

  it('refuses a second rotation of the same user', async () => {
    await using world = await filled();
    await world.begin();
    await expect(world.begin()).rejects.toMatchObject({ kind: 'conflict' });
  });
});

describe('changes by other clients during a rotation', () => {
  it.each([false, true])('are preserved (ETag is MD5: %s)', async (etagIsMd5) => {
    await using world = await filled({ store: { etagIsMd5 } });
    const { vault } = world.opened;
    world.store.hooks.before = async (operation, { key }) => {
      const index = names.indexOf(key);
      if (operation !== 'copy' || index < 0 || index % 4 !== 0) return;
      world.store.hooks.before = async (next, ref) => {
        if (next === 'copy' && names.indexOf(ref.key) % 4 === 0) await replaceOrRemove(ref.key);
      };
      await replaceOrRemove(key);
    };
    // Without the vault's locks, as another client does it.
    const replaced = new Set<string>();
    const removed = new Set<string>();
    async function replaceOrRemove(key: string): Promise<void> {
      if (replaced.has(key) || removed.has(key)) return;
      const hooks = world.store.hooks;
      world.store.hooks = {};
      if (names.indexOf(key) % 8 === 0) {
        replaced.add(key);
        const bytes = content(120, `newer ${key}`);
        const body = { chunks: [bytes], byteLength: 120, checksum: checksumOf('crc32c', bytes) };
        await world.store.put(call(), refOf(key), body, {
          acl: null,
          metadata: {},
          contentType: null,
          encryption: { kind: 'sse-c', key: oldKey },
        });
      } else {
        removed.add(key);
        await world.store.remove(call(), refOf(key));
      }
      world.store.hooks = hooks;
    }
    const done = await world.run(await world.begin());
    expect(replaced.size).toBe(2);
    expect(removed.size).toBe(2);
    for (const name of names) {
      if (removed.has(name)) expect(world.store.contentOf(refOf(name)), name).toBeNull();
      else await expectRotated(world, name, replaced.has(name) ? content(120, `newer ${name}`) : undefined);
    }
    expect(done.counts).toMatchObject({ rekeyed: 14, gone: 2, failed: 0 });
    expect(vault.statistics.openUploads).toBe(0);
  });
});

describe('older versions', () => {
  async function versioned(): Promise<RotationWorld> {
    const world = await RotationWorld.open({ store: { versioned: true } });
    for (const round of [1, 2, 3]) await world.put('alice/a', content(50, `a${round}`));
    return world;
  }

  const all = async (world: RotationWorld) =>
    (await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'alice/' })).versions;

  it('stay, are counted, and still open with the older key', async () => {
    await using world = await versioned();
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ rekeyed: 1, versionsKept: 3, failed: 0 });
    expect(await all(world)).toHaveLength(4);
    const oldest = (await all(world)).at(-1)?.versionId ?? undefined;
    expect(
      await world.store.head(call(), refOf('alice/a'), { kind: 'sse-c', key: oldKey }, oldest),
    ).not.toBeNull();
    expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
  });

  it('become objects of their own with --versions rewrite, and nothing needs the older key afterwards', async () => {
    await using world = await versioned();
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ rekeyed: 1, versionsRewritten: 3, failed: 0 });
    const left = await all(world);
    expect(left.filter(({ key }) => key === 'alice/a')).toHaveLength(1);
    const rewritten = left.filter(({ key }) => key !== 'alice/a').map(({ key }) => key);
    expect(rewritten).toHaveLength(2);
    const contents = rewritten.map((key) => world.store.contentOf(refOf(key))?.toString('hex')).sort();
    expect(contents).toEqual(
      [content(50, 'a1'), content(50, 'a2')].map((bytes) => bytes.toString('hex')).sort(),
    );
    await expectRotated(world, 'alice/a', content(50, 'a3'));
    expect(await world.opened.services.usage.needs(oldKey.fingerprint, null, 10)).toEqual([]);
  });

  it('are not confused with the object itself when --versions rewrite runs without versioning', async () => {
    await using world = await filled();
    await world.run(await world.begin({ versions: 'rewrite' }));
    for (const name of names) await expectRotated(world, name);
  });

  it('are not counted if they may not be listed', async () => {
    await using world = await filled();
    world.store.hooks.before = (operation) => {
      if (operation === 'listVersions') throw new Fault('denied', 'allow s3:ListBucketVersions');
    };
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ rekeyed: 16, failed: 0 });
  });
});
