import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { killAfter } from '../../test/support/kill-after.js';
import { CustomerKey, parseKeyFingerprint } from '../model/customer-key.js';
import type {
  Keyring,
  KeyringCustody,
  KeyState,
  SealedKeyring,
  SealedKeyringFile,
} from '../model/keyring.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { type KeyringWorld, keyringWorld } from './testing/keyring-world.js';

/**
 * The process dies at a numbered point: before, during or after a durable step. Later steps have no
 * effect.
 */
const death = vi.hoisted(() => ({ at: Number.POSITIVE_INFINITY, points: 0 }));

vi.mock('../files/durable.js', async (original) => {
  const real = await original<typeof import('../files/durable.js')>();
  const point = () => {
    death.points += 1;
    if (death.points >= death.at) throw new Error('the process has died');
  };
  const writing =
    <T>(write: (path: string, content: Uint8Array | string, mode: number) => Promise<T>) =>
    async (path: string, content: Uint8Array | string, mode: number): Promise<T> => {
      point();
      if (death.points + 1 === death.at) {
        const half = Buffer.from(content).subarray(0, 20);
        await writeFile(join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`), half, { mode });
      }
      point();
      const answer = await write(path, content, mode);
      point();
      return answer;
    };
  return {
    ...real,
    writeFileDurably: writing(real.writeFileDurably),
    createFileDurably: writing(real.createFileDurably),
    removeFileDurably: async (path: string) => {
      point();
      await real.removeFileDurably(path);
      point();
    },
  };
});

const unowned = { label: '', owner: { kind: 'none' } } as const;
const proofOf = (key: CustomerKey) => ({ keyId: key.fingerprint, provenMs: 0 }) as UnusedKeyProof;
const oldKey = CustomerKey.fromBytes(Buffer.alloc(32, 1));
const newKey = CustomerKey.fromBytes(Buffer.alloc(32, 2));
type TestKeyring = Keyring & KeyringCustody & SealedKeyring;
const importKey = (keyring: TestKeyring, key: CustomerKey) =>
  keyring.import(key, { label: 'a label', owner: { kind: 'shared' }, origin: 'imported' });

interface Scenario {
  readonly prepare?: (keyring: TestKeyring, world: KeyringWorld) => Promise<unknown>;
  readonly run: (keyring: TestKeyring, world: KeyringWorld) => Promise<unknown>;
  /** The states that the new key may have after an interrupted run; null if the key may be missing. */
  readonly between: readonly (KeyState | null)[];
  readonly after: KeyState | null;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'the first key': {
    run: (keyring) => importKey(keyring, newKey),
    between: [null, 'active'],
    after: 'active',
  },
  'another key': {
    prepare: (keyring) => importKey(keyring, oldKey),
    run: (keyring) => importKey(keyring, newKey),
    between: [null, 'active'],
    after: 'active',
  },
  'retiring a key': {
    prepare: (keyring) => importKey(keyring, newKey),
    run: (keyring) => keyring.retire(newKey.fingerprint),
    between: ['active', 'retired'],
    after: 'retired',
  },
  'destroying a key': {
    prepare: (keyring) => importKey(keyring, newKey),
    run: (keyring) => keyring.destroy(proofOf(newKey)),
    between: ['active', 'destroyed'],
    after: 'destroyed',
  },
  'a recovery recipient for two keys': {
    prepare: async (keyring) => {
      await importKey(keyring, oldKey);
      await importKey(keyring, newKey);
    },
    run: (keyring, world) => keyring.addRecoveryRecipient(world.recovery.recipient),
    between: ['active'],
    after: 'active',
  },
  'restoring a copy': {
    prepare: (_, world) => makeCopy(world),
    run: async (keyring, world) => {
      await keyring.put(copyOf(world));
      await keyring.adopt(world.recovery.secret);
    },
    // The same call, repeated, continues.
    between: ['active'],
    after: 'active',
  },
};

/** The copy of `newKey` from another gateway. */
const copies = new WeakMap<KeyringWorld, readonly SealedKeyringFile[]>();

function copyOf(world: KeyringWorld): readonly SealedKeyringFile[] {
  return copies.get(world) ?? [];
}

async function makeCopy(world: KeyringWorld): Promise<void> {
  const source = await keyringWorld();
  await using _ = source;
  await source.open().addRecoveryRecipient(world.recovery.recipient);
  await importKey(source.open(), newKey);
  copies.set(world, await source.open().files());
}

/** Runs a scenario that dies at the point, then restarts. Returns false if the run ended before the point. */
async function dieAndRestart(name: string, scenario: Scenario, at: number): Promise<boolean> {
  const world = await keyringWorld();
  await using _ = world;
  await scenario.prepare?.(world.open(), world);
  Object.assign(death, { at, points: 0 });
  const died = await scenario.run(world.open(), world).then(
    () => false,
    () => true,
  );
  death.at = Number.POSITIVE_INFINITY;
  const where = `${name}, point ${at}`;
  const next = world.open();
  await next.repair();
  if (copies.has(world)) await scenario.run(next, world);
  expect(await next.problems(), where).toEqual([]);
  expect(
    (await readdir(world.keys).catch(() => [])).filter((file) => file.endsWith('.tmp')),
    where,
  ).toEqual([]);
  const described = await next.describe(newKey.fingerprint);
  expect(died ? scenario.between : [scenario.after], where).toContain(described?.state ?? null);
  const isOpen = described !== null && described.state !== 'destroyed';
  expect((await next.open(newKey.fingerprint))?.equals(newKey) ?? false, where).toBe(isOpen);
  for (const { id } of await next.list()) {
    if (id === oldKey.fingerprint) expect((await next.open(id))?.equals(oldKey), where).toBe(true);
  }
  if (name !== 'another key' && scenario.prepare !== undefined && described !== null) {
    expect(described.label, where).toBe('a label');
  }
  // The keyring accepts new keys.
  await next.generate(unowned);
  return died;
}

it.each(Object.entries(scenarios))('%s: a crash at any step leaves whole keys', async (name, scenario) => {
  let at = 1;
  while (await dieAndRestart(name, scenario, at)) at += 1;
  expect(at).toBeGreaterThan(3);
});

const writer = new URL('testing/writer.ts', import.meta.url);

const rank: Readonly<Record<string, number>> = { active: 0, retired: 1, destroyed: 2 };

it('every acknowledged change survives kill -9, and no key is incomplete', async () => {
  const world = await keyringWorld();
  await using _ = world;
  const acknowledged = new Map<string, string>();
  for (let run = 0; run < 3; run++) {
    for (const line of await killAfter(writer, [world.root], 1 + Math.floor(Math.random() * 12))) {
      const [state = '', id = ''] = line.split(' ');
      acknowledged.set(id, state);
    }
    const keyring = world.open();
    await keyring.repair();
    expect(await keyring.problems()).toEqual([]);
    const recipients = await keyring.recoveryRecipients();
    for (const [name, state] of acknowledged) {
      if (state === 'recipient') {
        expect(recipients).toContain(name);
        continue;
      }
      const id = parseKeyFingerprint(name);
      const described = await keyring.describe(id);
      expect(rank[described?.state ?? ''], `${name} ${state}`).toBeGreaterThanOrEqual(rank[state] ?? 9);
      const isOpen = described?.state !== 'destroyed';
      expect(((await keyring.open(id))?.fingerprint ?? null) === id, name).toBe(isOpen);
      expect(described?.isRecoverable).toBe(isOpen && recipients.length > 0);
    }
  }
  expect(acknowledged.size).toBeGreaterThan(2);
});
