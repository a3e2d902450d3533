import { describe, expect, it } from 'vitest';
import type { Clock } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyNeed, KeyUsage } from '../model/ledger.js';
import type { RotationJob } from '../model/rotation.js';
import { call, content, keyNamed, refOf, targetOf } from '../vault/testing/vault-world.js';
import { runRotation } from './rotation.js';
import type { RotationServices } from './services.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

const olderKey = keyNamed('older');

async function runWith(
  world: RotationWorld,
  change: Partial<RotationServices>,
  job?: RotationJob,
): Promise<RotationJob> {
  return await runRotation({ ...world.opened.services, ...change }, call(), job ?? (await world.begin()));
}

/** A clock that passes only while it sleeps. `during` runs in each sleep. */
function patientClock(during: (sleeps: number) => Promise<void> | void = () => undefined) {
  const slept: number[] = [];
  const clock: Clock = {
    nowMs: () => Date.now(),
    monotonicMs: () => slept.reduce((sum, ms) => sum + ms, 5_000),
    sleep: async (ms, signal) => {
      if (signal?.aborted === true) throw new Fault('cancelled', 'cancelled');
      slept.push(ms);
      await during(slept.length);
    },
  };
  return { clock, slept };
}

describe('the end of a rotation with an upload that is still running', () => {
  const encryption = { kind: 'sse-c', key: oldKey } as const;

  it('waits for it up to the patience, then keeps the key', async () => {
    await using world = await RotationWorld.open();
    await using late = await world.opened.vault.openUpload(call(), targetOf('alice/late', { encryption }));
    await late.write(0, [content(5)]);
    const { clock, slept } = patientClock();
    const done = await runWith(world, { clock, patienceMs: 2_000 });
    expect(slept).toEqual([1_000, 1_000]);
    expect(done).toMatchObject({ state: 'done', retiredKeys: [] });
    expect(world.retired).toEqual([]);
  });

  it('re-encrypts it as soon as it is complete, and retires the key', async () => {
    await using world = await RotationWorld.open();
    await using late = await world.opened.vault.openUpload(call(), targetOf('alice/late', { encryption }));
    await late.write(0, [content(5)]);
    const { clock, slept } = patientClock(async (sleeps) => {
      if (sleeps === 3) await late.commit(call());
    });
    const done = await runWith(world, { clock, patienceMs: 60_000 });
    expect(slept).toHaveLength(3);
    expect(world.keyAt('alice/late')).toBe(newKey.fingerprint);
    expect(done).toMatchObject({ counts: { rekeyed: 1, bytes: 5 }, retiredKeys: [oldKey.fingerprint] });
  });

  it('does not wait for uploads elsewhere, and keeps the key that they need', async () => {
    await using world = await RotationWorld.open();
    await using late = await world.opened.vault.openUpload(call(), targetOf('bob/late', { encryption }));
    await late.write(0, [content(5)]);
    const { clock, slept } = patientClock();
    const done = await runWith(world, { clock, patienceMs: 60_000 });
    expect(slept).toEqual([]);
    expect(done.retiredKeys).toEqual([]);
  });

  it('ends with its call', async () => {
    await using world = await RotationWorld.open();
    await using late = await world.opened.vault.openUpload(call(), targetOf('alice/late', { encryption }));
    await late.write(0, [content(5)]);
    const cancel = new AbortController();
    const { clock } = patientClock(() => cancel.abort());
    const services = { ...world.opened.services, clock, patienceMs: 60_000 };
    const job = await world.begin();
    await expect(runRotation(services, call(cancel.signal), job)).rejects.toMatchObject({
      kind: 'cancelled',
    });
    expect((await world.opened.jobs.find(job.id))?.state).toBe('running');
  });
});

describe('an older key', () => {
  it('is retired only if no object of any prefix needs it', async () => {
    const keys = [newKey, oldKey, olderKey];
    await using world = await RotationWorld.open({ keys });
    await world.put('alice/a', content(5), oldKey);
    await world.put('alice/b', content(5), olderKey);
    await world.put('bob/c', content(5), oldKey);
    const done = await world.run(await world.begin({ oldKeys: [oldKey.fingerprint, olderKey.fingerprint] }));
    expect(done.counts.rekeyed).toBe(2);
    expect(world.keyAt('bob/c')).toBe(oldKey.fingerprint);
    expect(done.retiredKeys).toEqual([olderKey.fingerprint]);
    expect(world.retired).toEqual([olderKey.fingerprint]);
  });

  it('is retired although the ledger still has an object that another client has removed', async () => {
    await using world = await RotationWorld.open();
    await world.put('alice/a', content(5));
    await world.store.remove(call(), refOf('alice/a'));
    const done = await world.run(await world.begin());
    expect(done).toMatchObject({ counts: { rekeyed: 0, gone: 0, failed: 0 } });
    expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
    expect(await world.keyByLedger('alice/a')).toBeNull();
  });

  const need = (at: number, change: Partial<KeyNeed> = {}): KeyNeed => ({
    id: `row-${at}` as KeyNeed['id'],
    ref: refOf(`bob/${String(at).padStart(5, '0')}`),
    versionId: null,
    state: 'older-version',
    size: 1,
    ...change,
  });
  function usageOf(all: readonly KeyNeed[]) {
    const asked: (readonly [string | null, number])[] = [];
    const usage: KeyUsage = {
      needs: async (_key: KeyFingerprint, after, limit) => {
        asked.push([after?.id ?? null, limit]);
        const start = after === null ? 0 : all.findIndex(({ id }) => id === after.id) + 1;
        return all.slice(start, start + limit);
      },
      totals: async () => new Map(),
      proveUnused: async () => [],
    };
    return { usage, asked };
  }

  it.each([
    ['the first page', 1],
    ['the end of a page', 1_000],
    ['the next page', 1_001],
    ['the third page', 2_500],
  ])('is kept for a need on %s', async (_, position) => {
    await using world = await RotationWorld.open();
    const needs = Array.from({ length: position }, (_value, at) => need(at));
    const retired = async (state: KeyNeed['state']) => {
      const last = need(position, { state });
      return (await runWith(world, { usage: usageOf([...needs.slice(1), last]).usage })).retiredKeys;
    };
    expect(await retired('current')).toEqual([]);
    expect(await retired('intended')).toEqual([]);
    expect(await retired('older-version')).toEqual([oldKey.fingerprint]);
  });

  it('is kept for a need in another bucket, which the rotation does not change', async () => {
    await using world = await RotationWorld.open();
    const ref = { bucket: 'other', key: 'alice/a' };
    const { usage } = usageOf([need(1, { ref, state: 'current' })]);
    expect(await runWith(world, { usage })).toMatchObject({ counts: { failed: 0 }, retiredKeys: [] });
  });

  it('is read by pages of 1,000 rows', async () => {
    await using world = await RotationWorld.open();
    const { usage, asked } = usageOf(Array.from({ length: 1_500 }, (_, at) => need(at)));
    await runWith(world, { usage });
    expect(asked.slice(0, 2)).toEqual([
      [null, 1_000],
      ['row-999', 1_000],
    ]);
  });
});

describe('an object that the ledger has and the rotation has passed', () => {
  const late = (ref = refOf('alice/a')): Partial<RotationServices> => {
    const need: KeyNeed = { id: 'row' as KeyNeed['id'], ref, versionId: null, state: 'current', size: 1 };
    let asked = 0;
    const needs = async () => {
      asked += 1;
      // It is needed while the rotation searches for late objects, and not any more afterwards.
      return asked <= 2 ? [need] : [];
    };
    return { usage: { needs } };
  };

  it('is re-encrypted once', async () => {
    await using world = await RotationWorld.open();
    await world.put('alice/a', content(7));
    const job = { ...(await world.begin()), cursor: 'alice/z' };
    const done = await runWith(world, late(), job);
    expect(done).toMatchObject({ counts: { rekeyed: 1, bytes: 7, failed: 0 } });
    expect(done.retiredKeys).toEqual([oldKey.fingerprint]);
    expect(world.keyAt('alice/a')).toBe(newKey.fingerprint);
  });

  it('is reported, and the key kept, if none of the user’s keys opens it', async () => {
    await using world = await RotationWorld.open();
    await world.put('alice/a', content(7), keyNamed('theirs'));
    const job = { ...(await world.begin()), cursor: 'alice/z' };
    const done = await runWith(world, late(), job);
    expect(done).toMatchObject({ counts: { rekeyed: 0, failed: 1 }, retiredKeys: [] });
    expect(await world.opened.jobs.problems(job.id)).toEqual([
      { key: 'alice/a', versionId: null, kind: 'key-mismatch', text: expect.stringMatching(/./) },
    ]);
  });

  it('is reported although the listing had no object', async () => {
    await using world = await RotationWorld.open();
    await using upload = await world.opened.vault.openUpload(
      call(),
      targetOf('alice/late', { encryption: { kind: 'sse-c', key: oldKey } }),
    );
    await upload.write(0, [content(5)]);
    const { clock } = patientClock(async () => {
      await upload.commit(call());
      world.store.hooks.before = (operation) => {
        if (operation === 'copy') throw new Fault('denied', 'no');
      };
    });
    const done = await runWith(world, { clock, patienceMs: 60_000 });
    expect(done).toMatchObject({ counts: { failed: 1 }, retiredKeys: [] });
    expect(await world.opened.jobs.problems(done.id)).toMatchObject([{ key: 'alice/late', kind: 'denied' }]);
  });

  it('stops the rotation if S3 does not answer', async () => {
    await using world = await RotationWorld.open();
    await world.put('alice/a', content(7));
    const job = { ...(await world.begin()), cursor: 'alice/z' };
    world.store.hooks.before = (operation) => {
      if (operation === 'head') throw new Fault('unavailable', 'S3 is unavailable');
    };
    await expect(runWith(world, late(), job)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await world.opened.jobs.find(job.id))?.state).toBe('running');
  });
});

it('a rotation without its new key does not begin', async () => {
  await using world = await RotationWorld.open({ keys: [oldKey] });
  await world.put('alice/a', content(7));
  const job = await world.begin();
  await expect(world.run(job)).rejects.toMatchObject({ kind: 'key-missing' });
  expect(world.keyAt('alice/a')).toBe(oldKey.fingerprint);
});
