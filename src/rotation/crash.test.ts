import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import type { VersionPolicy } from '../model/rotation.js';
import { content, refOf } from '../vault/testing/vault-world.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

/** Requests that change the bucket. */
const durable = ['copy', 'remove'] as const;

interface Death {
  readonly etagIsMd5: boolean;
  readonly versioned: boolean;
  readonly versions: VersionPolicy;
}

/**
 * Lets the process die before or after its n-th request to S3, or its n-th write to the database. Returns
 * false when the rotation finished before that.
 */
async function dieAndResume(death: Death, step: number): Promise<boolean> {
  await using world = await RotationWorld.open({ store: death });
  for (const name of ['a', 'b']) await world.put(`alice/${name}`, content(30, name));
  if (death.versioned) await world.put('alice/b', content(31, 'newer b'));
  const job = await world.begin({ versions: death.versions });
  let steps = 0;
  let died = false;
  const hook = () => {
    if (steps === step) died = true;
    steps += 1;
    if (died) throw new Fault('bug', 'the process has died');
  };
  const isDurable = (operation: string) => durable.some((name) => name === operation);
  world.store.hooks = {
    before: (operation) => isDurable(operation) && hook(),
    after: (operation) => isDurable(operation) && hook(),
  } as typeof world.store.hooks;
  killDatabase(world, hook);
  await world.run(job).catch(() => undefined);
  world.store.hooks = {};
  await world.restart();
  const at = `step ${step}`;
  const expected = { a: content(30, 'a'), b: death.versioned ? content(31, 'newer b') : content(30, 'b') };
  for (const [name, bytes] of Object.entries(expected)) {
    expect(world.store.contentOf(refOf(`alice/${name}`)), `${at}: ${name}`).toEqual(bytes);
    expect(await world.keyByLedger(`alice/${name}`), `${at}: ${name}`).toBe(world.keyAt(`alice/${name}`));
    expect([oldKey.fingerprint, newKey.fingerprint], at).toContain(world.keyAt(`alice/${name}`));
  }
  const [left] = await world.opened.jobs.running();
  const done = left === undefined ? await world.opened.jobs.find(job.id) : await world.run(left);
  expect(done, at).toMatchObject({ state: 'done' });
  if (done !== null) expect(await world.opened.jobs.problems(done.id), at).toEqual([]);
  for (const [name, bytes] of Object.entries(expected)) {
    expect(world.store.contentOf(refOf(`alice/${name}`)), `${at}: ${name}`).toEqual(bytes);
    expect(world.keyAt(`alice/${name}`), `${at}: ${name}`).toBe(newKey.fingerprint);
    expect(await world.keyByLedger(`alice/${name}`), at).toBe(newKey.fingerprint);
  }
  if (death.versioned && death.versions === 'rewrite') await expectNothingLost(world, at);
  return died;
}

/** Expects that the older version of `b` is an object of its own, encrypted with the new key. */
async function expectNothingLost(world: RotationWorld, at: string): Promise<void> {
  const older = content(30, 'b');
  const found = [...world.store.objects].flatMap(([, versions]) => versions);
  const kept = found.filter(({ bytes }) => bytes.equals(older));
  expect(kept.length, at).toBeGreaterThan(0);
  for (const { encryption } of kept) expect(encryption, at).toMatchObject({ kind: 'sse-c', key: newKey });
}

/** Calls `hook` around every write to the ledger and to the job. */
function killDatabase(world: RotationWorld, hook: () => void): void {
  const { ledger, jobs, services } = world.opened;
  const wrap = <T extends object>(target: T, names: readonly (keyof T)[]) => {
    for (const name of names) {
      const method = target[name];
      if (typeof method !== 'function') throw new Error(`${String(name)} is not a method`);
      Object.defineProperty(target, name, {
        value: async (...args: unknown[]) => {
          hook();
          const answer: unknown = await Reflect.apply(method, target, args);
          hook();
          return answer;
        },
      });
    }
  };
  wrap(ledger, ['intend', 'confirm', 'abandon']);
  wrap(jobs, ['advance', 'finish']);
  wrap(services.versions, ['markRemoved']);
}

describe('a crash at any step of a rotation loses nothing, the ledger stays correct, and the next run finishes', () => {
  it.each([
    { etagIsMd5: false, versioned: false, versions: 'keep' },
    { etagIsMd5: true, versioned: false, versions: 'keep' },
    { etagIsMd5: false, versioned: true, versions: 'keep' },
    { etagIsMd5: false, versioned: true, versions: 'rewrite' },
  ] as const)('%o', async (death) => {
    let step = 0;
    while (await dieAndResume(death, step)) step += 1;
    expect(step).toBeGreaterThan(15);
  });
});
