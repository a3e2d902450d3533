import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { call, content, refOf } from '../vault/testing/vault-world.js';
import { runRotation } from './rotation.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

describe('the versions of an object', () => {
  it('are copied oldest first, so that an older one is an object of its own before a newer one changes', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    for (const size of [1, 2, 3]) await world.put('alice/a', content(size));
    const order: (number | undefined)[] = [];
    world.store.hooks.after = (operation, { key }) => {
      if (operation === 'copy') order.push(world.store.infoOf(refOf(key))?.size);
    };
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ rekeyed: 1, versionsRewritten: 3, failed: 0 });
    expect(order).toEqual([1, 2, 3]);
  });

  it.each(['keep', 'rewrite'] as const)(
    'without versioning are one, which stays if S3 names it null (--versions %s)',
    async (versions) => {
      await using world = await RotationWorld.open();
      await world.put('alice/a', content(9));
      const { vault } = world.opened;
      const services = {
        ...world.opened.services,
        vault: {
          describe: vault.describe.bind(vault),
          remove: vault.remove.bind(vault),
          // As S3 answers where versioning is suspended: the copy has replaced the version of this name.
          copy: async (...request: Parameters<typeof vault.copy>) => {
            const info = await vault.copy(...request);
            return info === null ? null : { ...info, versionId: 'null' };
          },
        },
      };
      const done = await runRotation(services, call(), await world.begin({ versions }));
      expect(done.counts).toMatchObject({ rekeyed: 1, versionsKept: 0, versionsRewritten: 0, failed: 0 });
      expect(world.store.contentOf(refOf('alice/a'))).toEqual(content(9));
      expect(await world.keyByLedger('alice/a')).toBe(newKey.fingerprint);
    },
  );
});

describe('a version of a bucket with versioning', () => {
  it.each([
    ['keep', { already: 2, versionsKept: 1, versionsRewritten: 0 }],
    ['rewrite', { already: 2, versionsKept: 0, versionsRewritten: 1 }],
  ] as const)(
    'has its own row, although another one has the same ETag (--versions %s)',
    async (versions, counts) => {
      // As in Ceph, where the ETag is the MD5 of the content, whatever the key.
      await using world = await RotationWorld.open({ store: { versioned: true, etagIsMd5: true } });
      await world.put('alice/a', content(9, 'same'), oldKey);
      await world.put('alice/a', content(9, 'same'), newKey);
      await world.put('alice/a', content(9, 'latest'), newKey);
      const done = await world.run(await world.begin({ versions }));
      expect(done.counts).toMatchObject({ rekeyed: 0, failed: 0, ...counts });
    },
  );

  it('is not removed if the versions could not be listed', async () => {
    await using world = await RotationWorld.open({ store: { versioned: true } });
    await world.put('alice/a', content(9));
    const { listVersions } = world.store;
    world.store.listVersions = async () => {
      throw new Fault('denied', 'not allowed');
    };
    const done = await world.run(await world.begin({ versions: 'rewrite' }));
    expect(done.counts).toMatchObject({ rekeyed: 1, versionsRewritten: 0, versionsKept: 0, failed: 0 });
    expect(world.store.count('remove')).toBe(0);
    const { versions } = await listVersions.call(world.store, call(), { bucket: 'bucket', prefix: 'alice/' });
    expect(versions.map(({ isDeleteMarker }) => isDeleteMarker)).toEqual([false, false]);
    expect(world.store.contentOf(refOf('alice/a'))).toEqual(content(9));
  });
});
