import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import type { CannedAcl, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ListedVersion, VersionPage, VersionsRequest } from '../model/object-versions.js';
import { noCounts, type RotationJob } from '../model/rotation.js';
import { call, content, keyNamed, refOf } from '../vault/testing/vault-world.js';
import { AclReader } from './acl-reader.js';
import { versionName } from './planner.js';
import { RotationLog } from './rotation-log.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';
import { type VersionGroup, versionGroups } from './version-groups.js';

async function put(
  { store }: RotationWorld,
  key: string,
  bytes: Buffer,
  encryption: WriteEncryption,
): Promise<void> {
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  await store.put(call(), refOf(key), body, { encryption, acl: null, metadata: {}, contentType: null });
}

const sealed = (key = newKey): WriteEncryption => ({ kind: 'sse-c', key });

describe('an older version that is rewritten', () => {
  async function withVersions(): Promise<{ readonly world: RotationWorld; readonly older: ListedVersion }> {
    const world = await RotationWorld.open({ store: { versioned: true } });
    await world.put('alice/a', content(50, 'older'));
    await world.put('alice/a', content(50, 'newer'));
    const { versions } = await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'alice/a' });
    const older = versions.at(-1);
    if (older === undefined) throw new Error('there is no older version');
    return { world, older };
  }
  const hasVersion = async (world: RotationWorld, { versionId }: ListedVersion) =>
    (await world.store.head(
      call(),
      refOf('alice/a'),
      { kind: 'sse-c', key: oldKey },
      versionId ?? undefined,
    )) !== null;

  it('does not overwrite an object of another client under its name, and stays', async () => {
    for (const [bytes, encryption] of [
      [content(50, 'theirs'), sealed()],
      [content(49, 'older'), sealed()],
      [content(50, 'older'), sealed(keyNamed('theirs'))],
    ] as const) {
      const { world, older } = await withVersions();
      await using _ = world;
      await put(world, versionName(older), bytes, encryption);
      const done = await world.run(await world.begin({ versions: 'rewrite' }));
      expect(world.store.contentOf(refOf(versionName(older)))?.equals(bytes)).toBe(true);
      expect(await hasVersion(world, older)).toBe(true);
      expect(done.counts.failed).toBe(encryption.kind === 'sse-c' && encryption.key !== newKey ? 2 : 1);
    }
  });

  it('accepts its copy from an interrupted run', async () => {
    const { world, older } = await withVersions();
    await using _ = world;
    await put(world, versionName(older), content(50, 'older'), sealed());
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ versionsRewritten: 2, failed: 0 });
    expect(await hasVersion(world, older)).toBe(false);
  });
});

describe('an object that changes while it is rotated', () => {
  async function changing(change: (world: RotationWorld) => Promise<void>): Promise<RotationJob> {
    const world = await RotationWorld.open();
    await using _ = world;
    await world.put('alice/a', content(50, 'a'));
    const job = await world.begin();
    let isDone = false;
    world.store.hooks.before = async (operation) => {
      if (operation !== 'copy' || isDone) return;
      isDone = true;
      world.store.hooks = {};
      await change(world);
    };
    return await world.run(job);
  }

  it.each<[string, object, (world: RotationWorld) => Promise<void>]>([
    ['removed', { gone: 1, rekeyed: 0, failed: 0 }, (world) => world.store.remove(call(), refOf('alice/a'))],
    [
      'written with the new key',
      { rekeyed: 1, failed: 0 },
      (world) => put(world, 'alice/a', content(9), sealed()),
    ],
    [
      'written without a key',
      { withoutKey: 2, rekeyed: 0, failed: 0 },
      (world) => put(world, 'alice/a', content(9), { kind: 'sse-s3' }),
    ],
    [
      'written with the old key',
      { rekeyed: 1, bytes: 9, failed: 0 },
      (world) => put(world, 'alice/a', content(9), sealed(oldKey)),
    ],
  ])('is counted as what it is now: %s', async (_, counts, change) => {
    expect((await changing(change)).counts).toMatchObject(counts);
  });

  it('is reported if no key of the user opens it', async () => {
    const job = await changing((world) => put(world, 'alice/a', content(9), sealed(keyNamed('theirs'))));
    expect(job.counts).toMatchObject({ rekeyed: 0, failed: 2 });
    expect(job.retiredKeys).toEqual([]);
  });
});

describe('the ACL of a copy', () => {
  const reader = (answer: CannedAcl | 'other' | null | Fault, setting: CannedAcl | null = 'public-read') => {
    const state = { asked: 0 };
    const getAcl = async () => {
      state.asked += 1;
      if (answer instanceof Fault) throw answer;
      return answer;
    };
    return { state, acls: new AclReader({ getAcl }, setting) };
  };

  it.each<[CannedAcl | 'other' | null, CannedAcl | null]>([
    ['private', null],
    ['authenticated-read', 'authenticated-read'],
    ['other', 'public-read'],
    [null, 'public-read'],
  ])('of an object with %s is %s', async (answer, acl) => {
    expect(await reader(answer).acls.of(call(), refOf('a'))).toBe(acl);
  });

  it.each(['denied', 'unsupported', 'invalid'] as const)(
    'is the setting once reading is %s',
    async (kind) => {
      const { state, acls } = reader(new Fault(kind, 'no ACLs'));
      expect(await acls.of(call(), refOf('a'))).toBe('public-read');
      expect(await acls.of(call(), refOf('b'))).toBe('public-read');
      expect(state.asked).toBe(1);
    },
  );

  it('is not guessed after another fault', async () => {
    const { state, acls } = reader(new Fault('unavailable', 'later'));
    for (const key of ['a', 'b'])
      await expect(acls.of(call(), refOf(key))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(state.asked).toBe(2);
  });
});

describe('the log of a rotation', () => {
  function setUp() {
    let nowMs = 0;
    const saved: string[] = [];
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
    const jobs = {
      advance: async (
        _id: unknown,
        cursor: string,
        { rekeyed }: typeof noCounts,
        problems: readonly unknown[],
      ) => {
        saved.push(`${cursor} ${rekeyed} ${problems.length}`);
      },
    };
    const job = { id: 'job', counts: { ...noCounts, rekeyed: 1 }, cursor: null };
    const log = new RotationLog({ clock, jobs } as never, job as never);
    const pass = (ms: number): void => {
      nowMs += ms;
    };
    return { log, saved, pass };
  }
  const one = { counts: { ...noCounts, rekeyed: 1 }, problems: [{}] } as never;

  it('records every 500 objects, and after a second', async () => {
    const { log, saved, pass } = setUp();
    for (let at = 1; at < 500; at += 1) await log.done(`k${at}`, one);
    expect(saved).toEqual([]);
    await log.done('k500', one);
    expect(saved).toEqual(['k500 501 500']);
    pass(999);
    await log.done('k501', one);
    expect(saved).toHaveLength(1);
    pass(1);
    await log.done('k502', one);
    expect(saved[1]).toBe('k502 503 2');
    await log.flush();
    expect(saved).toHaveLength(2);
  });

  it('records an object that was found at the end, also if the listing had none', async () => {
    const { log, saved } = setUp();
    await log.flush();
    expect(saved).toEqual([]);
    log.add(one);
    await log.flush();
    expect(saved).toEqual(['null 2 1']);
    await log.done('k', one);
    await log.flush();
    expect(saved).toEqual(['null 2 1', 'k 3 1']);
  });
});

describe('the versions of a prefix', () => {
  const version = (key: string, versionId: string | null, isLatest = true): ListedVersion => ({
    key,
    versionId,
    isLatest,
    isDeleteMarker: false,
    size: 1,
    etag: '"e"',
    lastModifiedMs: 0,
  });
  const where = { bucket: 'b', prefix: 'p/', after: null };

  async function groupsOf(store: object, after: string | null = null) {
    const groups: VersionGroup[] = [];
    let without = 0;
    const found = versionGroups(store as never, call(), { ...where, after }, () => {
      without += 1;
    });
    for await (const group of found) groups.push(group);
    return { names: groups.map(({ key, versions }) => `${key} ${versions.length}`), without, groups };
  }

  it('are grouped by key across pages, after the given key', async () => {
    const pages: readonly VersionPage[] = [
      {
        versions: [version('p/a', '2'), version('p/a', '1', false)],
        next: { keyMarker: 'p/a', versionIdMarker: '1' },
      },
      { versions: [version('p/a', '0', false), version('p/b', '5')], next: null },
    ];
    const requests: VersionsRequest[] = [];
    const listVersions = async (_: unknown, request: VersionsRequest) => {
      requests.push(request);
      return pages[requests.length - 1];
    };
    expect(await groupsOf({ listVersions }, 'p/0')).toMatchObject({
      names: ['p/a 3', 'p/b 1'],
      without: 0,
    });
    expect(requests.map(({ next }) => next)).toEqual([
      { keyMarker: 'p/0', versionIdMarker: '' },
      { keyMarker: 'p/a', versionIdMarker: '1' },
    ]);
    expect(await groupsOf({ listVersions: async () => ({ versions: [], next: null }) })).toMatchObject({
      names: [],
      without: 0,
    });
  });

  it.each(['denied', 'unsupported'] as const)(
    'are the current objects alone if listing them is %s',
    async (kind) => {
      const asked: object[] = [];
      const store = {
        listVersions: async () => {
          throw new Fault(kind, 'no versions');
        },
        list: async (_: unknown, request: { readonly continuation?: string }) => {
          asked.push(request);
          const isFirst = request.continuation === undefined;
          return {
            objects: [version(isFirst ? 'p/a' : 'p/b', null)],
            prefixes: [],
            continuation: isFirst ? 'more' : null,
          };
        },
      };
      const { names, without, groups } = await groupsOf(store, 'p/0');
      expect([names, without]).toEqual([['p/a 1', 'p/b 1'], 1]);
      expect(groups[0]?.versions).toEqual([version('p/a', null)]);
      const base = { bucket: 'b', prefix: 'p/', delimiter: null };
      expect(asked).toEqual([
        { ...base, startAfter: 'p/0' },
        { ...base, continuation: 'more' },
      ]);
    },
  );

  it('are not replaced by the current objects after another fault, or in the middle', async () => {
    const failing = (kind: 'denied' | 'unavailable', afterPages: number) => {
      let pages = 0;
      return {
        listVersions: async () => {
          pages += 1;
          if (pages > afterPages) throw new Fault(kind, 'no');
          return { versions: [version('p/a', '1')], next: { keyMarker: 'p/a', versionIdMarker: '1' } };
        },
      };
    };
    await expect(groupsOf(failing('unavailable', 0))).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(groupsOf(failing('denied', 1))).rejects.toMatchObject({ kind: 'denied' });
  });
});
