import { describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import {
  call,
  content,
  keyNamed,
  quickClock,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from '../testing/vault-world.js';
import { RefusedObjects } from './refused-objects.js';

const hourMs = 3_600_000;
const sealedKey = keyNamed('theirs');

/** Returns a world with an object of another client, whose key the gateway does not have. */
async function worldWith(path: string): Promise<VaultWorld> {
  const world = vaultWorld();
  await put(world, path);
  return world;
}

async function put(world: VaultWorld, path: string): Promise<void> {
  await using writer = await world.vault.openUpload(
    call(),
    targetOf(path, { encryption: { kind: 'sse-c', key: sealedKey } }),
  );
  await writer.write(0, [content(100)]);
  await writer.commit(call());
  world.ledger.rows.clear();
}

describe('an object that no key opens', () => {
  const keysOf = (count: number) => Array.from({ length: count }, (_, at) => keyNamed(`key ${at}`));
  /** A clock far enough after the objects. */
  const later: Clock = { ...quickClock, nowMs: () => Date.now() + 100 * hourMs };

  /** Tries the keys one after the other, as `openWithKeys` does, and counts the requests. */
  async function attempt(
    world: VaultWorld,
    refused: RefusedObjects,
    keys: ReturnType<typeof keysOf>,
  ): Promise<number> {
    const before = world.store.count('head') + world.store.count('list');
    const opening = refused.guard(call(), refOf('a'), keys, () =>
      world.vault.describe(call(), refOf('a'), keys, 'null'),
    );
    await expect(opening).rejects.toMatchObject({ kind: 'key-mismatch' });
    return world.store.count('head') + world.store.count('list') - before;
  }

  it.each([4, 40])('costs one request after the first attempt with %i keys', async (count) => {
    await using world = await worldWith('a');
    const refused = new RefusedObjects(world.store, later);
    const keys = keysOf(count);
    expect(await attempt(world, refused, keys)).toBe(count + 2);
    expect(await attempt(world, refused, keys)).toBe(1);
    expect(await attempt(world, refused, keys)).toBe(1);
  });

  it('is tried again with other keys, and after a change of the object', async () => {
    await using world = await worldWith('a');
    const refused = new RefusedObjects(world.store, later);
    await attempt(world, refused, keysOf(4));
    expect(await attempt(world, refused, keysOf(5))).toBe(7);
    await put(world, 'a');
    expect(await attempt(world, refused, keysOf(5))).toBeGreaterThan(6);
    const opened = refused.guard(call(), refOf('a'), [...keysOf(5), sealedKey], () =>
      world.vault.describe(call(), refOf('a'), [...keysOf(5), sealedKey]),
    );
    expect(await opened).toMatchObject({ info: { size: 100 } });
  });

  it('is tried each time while it is young, because it may have replaced the one that was tried', async () => {
    await using world = await worldWith('a');
    const refused = new RefusedObjects(world.store, quickClock);
    await attempt(world, refused, keysOf(4));
    expect(await attempt(world, refused, keysOf(4))).toBe(6);
  });
});
