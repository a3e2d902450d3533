import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import { Fault } from '../model/fault.js';
import type { RotationJob } from '../model/rotation.js';
import type { MemoryStoreOptions } from '../vault/testing/memory-store.js';
import { call, content, keyNamed, refOf, targetOf } from '../vault/testing/vault-world.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

const unlimited = { objectsPerSecond: null, bytesPerSecond: null };

async function problemsOf(world: RotationWorld, { id }: RotationJob) {
  return (await world.opened.jobs.problems(id)).map(({ key, versionId, kind }) => ({
    key,
    isOlder: versionId !== null,
    kind,
  }));
}

async function putElsewhere({ store }: RotationWorld, key: string, bytes: Buffer, sealing = oldKey) {
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  const encryption = { kind: 'sse-c', key: sealing } as const;
  await store.put(call(), refOf(key), body, { encryption, acl: null, metadata: {}, contentType: null });
}

async function putWithoutKey({ store }: RotationWorld, key: string, bytes: Buffer) {
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  const encryption = { kind: 'sse-s3' } as const;
  await store.put(call(), refOf(key), body, { encryption, acl: null, metadata: {}, contentType: null });
}

describe('a fault of one object', () => {
  it.each(['denied', 'invalid', 'unsupported', 'not-found'] as const)(
    '%s is reported for it, and the others are rotated',
    async (kind) => {
      await using world = await RotationWorld.open();
      for (const name of ['a', 'b', 'c']) await world.put(`alice/${name}`, content(9, name));
      world.store.hooks.before = (operation, { key }) => {
        if (operation === 'copy' && key === 'alice/b') throw new Fault(kind, 'no');
      };
      const done = await world.run(await world.begin());
      expect(done.counts).toMatchObject({ rekeyed: 2, bytes: 18 });
      expect(await problemsOf(world, done)).toEqual([{ key: 'alice/b', isOlder: false, kind }]);
      expect(done.retiredKeys).toEqual([]);
    },
  );

  it.each(['unavailable', 'throttled', 'timed-out', 'cancelled', 'bug'] as const)(
    '%s stops the rotation, because every object would meet it',
    async (kind) => {
      await using world = await RotationWorld.open();
      await world.put('alice/a', content(9));
      world.store.hooks.before = (operation) => {
        if (operation === 'copy') throw new Fault(kind, 'no');
      };
      const job = await world.begin();
      await expect(world.run(job)).rejects.toMatchObject({ kind });
      expect(await problemsOf(world, job)).toEqual([]);
      expect((await world.opened.jobs.find(job.id))?.state).toBe('running');
    },
  );

  it('names the version if it is an older one', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    await world.put('alice/a', content(9, 'older'));
    await world.put('alice/a', content(9, 'newer'));
    world.store.hooks.before = (operation, { key }) => {
      if (operation === 'copy' && key !== 'alice/a') throw new Fault('denied', 'no');
    };
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ rekeyed: 1, versionsRewritten: 1, failed: 1 });
    expect(await problemsOf(world, done)).toEqual([{ key: 'alice/a', isOlder: true, kind: 'denied' }]);
  });
});

describe('an object that other clients keep replacing', () => {
  async function replacedTimes(times: number) {
    const world = await RotationWorld.open();
    await using _ = world;
    await world.put('alice/a', content(9));
    let copies = 0;
    const before = async (operation: string) => {
      if (operation !== 'copy') return;
      copies += 1;
      if (copies > times) return;
      world.store.hooks = {};
      await putElsewhere(world, 'alice/a', content(9 + copies, `newer ${copies}`));
      world.store.hooks = { before };
    };
    world.store.hooks = { before };
    const done = await world.run(await world.begin());
    return { copies, done, problems: await problemsOf(world, done), key: world.keyAt('alice/a') };
  }

  it('is tried up to five times', async () => {
    const { copies, done, key } = await replacedTimes(4);
    expect(copies).toBe(5);
    expect(done.counts).toMatchObject({ rekeyed: 1, bytes: 13, failed: 0 });
    expect(key).toBe(newKey.fingerprint);
  });

  it('is reported after that, and the key stays active', async () => {
    const { done, problems } = await replacedTimes(5);
    expect(problems[0]).toEqual({ key: 'alice/a', isOlder: false, kind: 'conflict' });
    expect(done.retiredKeys).toEqual([]);
  });
});

describe('an object that the ledger does not know', () => {
  it('is recorded with its key, size and times when it is found', async () => {
    await using world = await RotationWorld.open();
    await putElsewhere(world, 'alice/a', content(9), newKey);
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ already: 1, rekeyed: 0 });
    expect(await world.keyByLedger('alice/a')).toBe(newKey.fingerprint);
    const [row] = await world.opened.services.versions.liveRowsOf(refOf('alice/a'));
    const info = world.store.infoOf(refOf('alice/a'));
    expect(row).toMatchObject({
      isCurrent: true,
      confirmation: {
        etag: info?.etag,
        size: 9,
        mtimeSeconds: Math.floor((info?.lastModifiedMs ?? 0) / 1000),
      },
    });
  });

  it.each([
    ['keep', { versionsKept: 2, versionsRewritten: 0 }],
    ['rewrite', { versionsKept: 0, versionsRewritten: 2 }],
  ] as const)('has its older versions found too (--versions %s)', async (versions, counts) => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    await putElsewhere(world, 'alice/a', content(9, 'older'));
    await putElsewhere(world, 'alice/a', content(9, 'newer'));
    const done = await world.run(await world.begin({ versions }));
    expect(done.counts).toMatchObject({ rekeyed: 1, failed: 0, ...counts });
    expect(world.keyAt('alice/a')).toBe(newKey.fingerprint);
  });

  it('is reported for each version that no key of the user opens', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    await putElsewhere(world, 'alice/a', content(9, 'older'), keyNamed('theirs'));
    await putElsewhere(world, 'alice/a', content(9, 'newer'));
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ rekeyed: 1, failed: 1 });
    expect(await problemsOf(world, done)).toEqual([{ key: 'alice/a', isOlder: true, kind: 'key-mismatch' }]);
  });

  it.each<[string, MemoryStoreOptions]>([
    ['current', {}],
    ['older', { versioned: true }],
  ])('stays as it is if it has no key: %s', async (which, store) => {
    await using world = await RotationWorld.open({ store });
    await putWithoutKey(world, 'alice/a', content(9, 'plain'));
    if (which === 'older') await world.put('alice/a', content(9, 'newer'), newKey);
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ withoutKey: 1, rekeyed: 0, versionsRewritten: 0, failed: 0 });
    expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
  });

  it('is rotated although the versions of the bucket cannot be listed', async () => {
    await using world = await RotationWorld.open();
    await putElsewhere(world, 'alice/a', content(9));
    world.store.listVersions = async () => {
      throw new Fault('denied', 'not allowed');
    };
    expect((await world.run(await world.begin())).counts).toMatchObject({ rekeyed: 1, failed: 0 });
    expect(world.keyAt('alice/a')).toBe(newKey.fingerprint);
  });

  it('is gone if it disappears before it is inspected', async () => {
    await using world = await RotationWorld.open();
    await putElsewhere(world, 'alice/a', content(9));
    world.store.hooks.before = async (operation) => {
      if (operation !== 'head') return;
      world.store.hooks = {};
      await world.store.remove(call(), refOf('alice/a'));
    };
    expect((await world.run(await world.begin())).counts).toMatchObject({ gone: 1, rekeyed: 0, failed: 0 });
  });

  it('stops the rotation if S3 does not answer the inspection', async () => {
    await using world = await RotationWorld.open();
    await putElsewhere(world, 'alice/a', content(9));
    world.store.hooks.before = (operation) => {
      if (operation === 'head') throw new Fault('unavailable', 'S3 is unavailable');
    };
    await expect(world.run(await world.begin())).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('the row of another client’s write', () => {
  it('does not decide: an object whose ETag is another one is inspected', async () => {
    await using world = await RotationWorld.open();
    await world.put('alice/a', content(9), newKey);
    await putElsewhere(world, 'alice/a', content(10, 'theirs'));
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ rekeyed: 1, bytes: 10, already: 0 });
    expect(world.keyAt('alice/a')).toBe(newKey.fingerprint);
  });

  it.each<[string, MemoryStoreOptions]>([
    ['without versioning', {}],
    ['with versioning', { versioned: true }],
  ])('of the ledger saves the inspection of every other object, %s', async (_, store) => {
    await using world = await RotationWorld.open({ store });
    await world.put('alice/a', content(9), newKey);
    await world.put('alice/b', content(9), null);
    const heads = world.store.count('head');
    const done = await world.run(await world.begin());
    expect(done.counts).toMatchObject({ already: 1, withoutKey: 1, rekeyed: 0 });
    expect(world.store.count('head')).toBe(heads);
  });
});

describe('an older version that becomes an object', () => {
  it('keeps the mtime of its row, or else the time of the version', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    const encryption = { kind: 'sse-c', key: oldKey } as const;
    const target = targetOf('alice/a', { encryption, mtimeSeconds: 1_234 });
    await using writer = await world.opened.vault.openUpload(call(), target);
    await writer.write(0, [content(5)]);
    await writer.commit(call());
    await putElsewhere(world, 'alice/a', content(6, 'theirs'));
    const theirs = world.store.infoOf(refOf('alice/a'))?.lastModifiedMs ?? 0;
    await world.put('alice/a', content(7));
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ versionsRewritten: 3, failed: 0 });
    const { versions } = await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'alice/a.v' });
    const described = await Promise.all(
      versions.map(({ key }) => world.opened.vault.describe(call(), refOf(key), [newKey])),
    );
    expect(Object.fromEntries(described.map((one) => [one?.info.size, one?.mtimeSeconds]))).toEqual({
      5: 1_234,
      6: Math.floor(theirs / 1000),
    });
  });

  it('stays a version, under another name than that of another version', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    await world.put('alice/a', content(9, 'older'));
    await world.put('alice/a', content(9, 'newer'));
    const { versions } = await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'alice/a' });
    world.store.hooks.before = async (operation, { key }) => {
      if (operation !== 'copy' || key === 'alice/a') return;
      world.store.hooks = {};
      await world.store.remove(call(), refOf('alice/a'), { versionId: versions[1]?.versionId ?? '' });
    };
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    // Another client removed the version while it was copied: nothing is left of it.
    expect(done.counts.failed).toBe(0);
    const left = await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'alice/a' });
    expect(left.versions).toHaveLength(1);
  });
});

describe('parallel copies', () => {
  it.each([1, 3])('are bounded by the pace: %i', async (parallel) => {
    await using world = await RotationWorld.open();
    for (let at = 0; at < 12; at += 1) await world.put(`alice/${at}`, content(9));
    let running = 0;
    let max = 0;
    const full = Promise.withResolvers<void>();
    world.store.hooks.before = async (operation) => {
      if (operation !== 'copy') return;
      running += 1;
      max = Math.max(max, running);
      if (running >= parallel) full.resolve();
      await full.promise;
      await new Promise((resolve) => setImmediate(resolve));
    };
    world.store.hooks.after = (operation) => {
      if (operation === 'copy') running -= 1;
    };
    const done = await world.run(await world.begin({ pace: { ...unlimited, parallel } }));
    expect(done.counts.rekeyed).toBe(12);
    expect(max).toBe(parallel);
  });

  it('begin no faster than the pace', async () => {
    const slept: number[] = [];
    let nowMs = Date.now();
    const clock = {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        slept.push(ms);
        nowMs += ms;
      },
    };
    await using world = await RotationWorld.open({ clock });
    for (let at = 0; at < 4; at += 1) await world.put(`alice/${at}`, content(500));
    slept.length = 0;
    const startedMs = nowMs;
    const pace = { objectsPerSecond: null, bytesPerSecond: 1_000, parallel: 1 };
    await world.run(await world.begin({ pace }));
    expect(nowMs - startedMs).toBeGreaterThanOrEqual(1_500);
  });
});
