import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { systemEntropy } from '../../assembly/system.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { isFault } from '../../model/fault.js';
import type { IntentId, KeyLedger, KeyUsage, SealedWith } from '../../model/ledger.js';
import { keyNamed, quickClock } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyUsage } from './key-usage.js';
import { createKeyLedger } from './ledger.js';
import { recordRemoval } from './testing/removal.js';

const alice = keyNamed('alice');
const bob = keyNamed('bob');
const sealedWith = (key: CustomerKey): SealedWith => ({
  kind: 'sse-c',
  fingerprint: key.fingerprint,
  keyMd5Base64: key.md5Base64,
});

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let usage: KeyUsage;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-usage-'));
  await open();
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

async function open(): Promise<void> {
  db = await openTestDatabase(join(directory, 'db'));
  ledger = createKeyLedger(db, quickClock, systemEntropy);
  usage = createKeyUsage(db, quickClock);
}

function intend(key: string, by: CustomerKey): Promise<IntentId> {
  return ledger.intend({ ref: at(key), sealedWith: sealedWith(by), actor: 'bob', requestId: 'r' });
}

function at(key: string) {
  return { bucket: 'bucket', key };
}

function confirmationOf(etag: string, versionId: string | null, size = 10) {
  return { size, checksum: null, etag, versionId, mtimeSeconds: null };
}

async function write(key: string, by: CustomerKey, versionId: string | null = null, size = 10) {
  const id = await intend(key, by);
  await ledger.confirm(id, confirmationOf(`"${key}"`, versionId, size));
  return id;
}

async function needsOf(key: CustomerKey): Promise<readonly string[]> {
  const needs = await usage.needs(key.fingerprint, null, 1000);
  return needs.map((need) => `${need.ref.key} ${need.versionId} ${need.state}`);
}

describe('the needs of a key', () => {
  it('include every object and every running write, in key order', async () => {
    await write('b', alice);
    await write('a', alice);
    await intend('c', alice);
    await write('d', bob);
    await ledger.abandon(await intend('e', alice));
    expect(await needsOf(alice)).toEqual(['a null current', 'b null current', 'c null intended']);
  });

  it('exclude overwritten and removed objects without versioning', async () => {
    await write('a', alice);
    await write('a', bob);
    await write('b', alice);
    await recordRemoval(ledger, at('b'), 'bob');
    expect(await needsOf(alice)).toEqual([]);
    expect(await needsOf(bob)).toEqual(['a null current']);
  });

  it('include overwritten and removed objects with versioning', async () => {
    await write('a', alice, 'v1');
    await write('a', bob, 'v2');
    await write('b', alice, 'v3');
    await recordRemoval(ledger, at('b'), 'bob');
    expect(await needsOf(alice)).toEqual(['a v1 older-version', 'b v3 older-version']);
    expect(await needsOf(bob)).toEqual(['a v2 current']);
  });

  it('include an object from before its bucket had versioning', async () => {
    await write('a', alice);
    await write('a', bob, 'v1');
    expect(await needsOf(alice)).toEqual(['a null current']);
  });

  it('include both of two overlapping writes, until a later write replaces them', async () => {
    const [first, second] = [await intend('a', alice), await intend('a', bob)];
    await ledger.confirm(second, confirmationOf('"2"', null));
    await ledger.confirm(first, confirmationOf('"1"', null));
    expect(await needsOf(alice)).toEqual(['a null current']);
    expect(await needsOf(bob)).toEqual(['a null current']);
    await write('a', alice);
    expect(await needsOf(alice)).toEqual(['a null current']);
    expect(await needsOf(bob)).toEqual([]);
  });

  it('come in pages without gaps or repetitions', async () => {
    for (const key of ['a', 'b', 'b', 'b', 'c', 'é', '\u{1f511}']) await write(key, alice, `v-${key}`);
    const found: string[] = [];
    for (let last = null as Parameters<KeyUsage['needs']>[1]; ; ) {
      const page = await usage.needs(alice.fingerprint, last, 2);
      found.push(...page.map(({ ref }) => ref.key));
      last = page.at(-1) ?? null;
      if (page.length < 2) break;
    }
    expect(found).toEqual(['a', 'b', 'b', 'b', 'c', 'é', '\u{1f511}']);
  });

  it('are summed per key', async () => {
    await write('a', alice, 'v1', 5);
    await write('a', alice, 'v2', 7);
    await write('b', bob, null, 1);
    await intend('c', keyNamed('nobody'));
    expect(await usage.totals()).toEqual(
      new Map([
        [alice.fingerprint, { objects: 2, bytes: 12 }],
        [bob.fingerprint, { objects: 1, bytes: 1 }],
      ]),
    );
  });
});

describe('the proof that a key is unused', () => {
  it('is given if nothing needs the key, and bars the key for new writes', async () => {
    await write('a', alice);
    await write('a', bob);
    expect(await usage.proveUnused(alice.fingerprint)).toMatchObject({ keyId: alice.fingerprint });
    await expect(intend('a', alice)).rejects.toMatchObject({ kind: 'conflict' });
    await db.close();
    await open();
    await expect(intend('b', alice)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await usage.proveUnused(alice.fingerprint)).toMatchObject({ keyId: alice.fingerprint });
    await write('c', bob);
  });

  it('is refused with the names of objects that need the key', async () => {
    for (let index = 0; index < 120; index += 1) await write(`k${index}`, alice);
    const refused = await usage.proveUnused(alice.fingerprint);
    expect(refused).toHaveLength(100);
    expect(refused).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ ref: at('k0'), state: 'current' })]),
    );
    await write('more', alice);
  });

  it('is refused during a write, even if both begin at the same time', async () => {
    const [intended, proof] = await Promise.all([intend('a', alice), usage.proveUnused(alice.fingerprint)]);
    expect(proof).toMatchObject([{ id: intended, state: 'intended' }]);
    const [second, late] = await Promise.allSettled([usage.proveUnused(bob.fingerprint), intend('b', bob)]);
    expect(second).toMatchObject({ value: { keyId: bob.fingerprint } });
    expect(late).toMatchObject({ status: 'rejected', reason: { kind: 'conflict' } });
  });
});

/** Contents of a bucket, with or without versioning, as the writes arrive. */
class Bucket {
  readonly #versions = new Map<string, { key: CustomerKey; versionId: string | null }[]>();
  readonly isVersioned: boolean;
  #count = 0;

  constructor(isVersioned: boolean) {
    this.isVersioned = isVersioned;
  }

  complete(name: string, key: CustomerKey): string | null {
    this.#count += 1;
    const versionId = this.isVersioned ? `v${this.#count}` : null;
    const earlier = this.isVersioned ? (this.#versions.get(name) ?? []) : [];
    this.#versions.set(name, [...earlier, { key, versionId }]);
    return versionId;
  }

  remove(name: string): void {
    if (!this.isVersioned) this.#versions.delete(name);
  }

  holds(key: CustomerKey): boolean {
    return [...this.#versions.values()].flat().some((version) => version.key.equals(key));
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('intend' as const), name: fc.constantFrom('a', 'b'), byAlice: fc.boolean() }),
  fc.record({
    do: fc.constantFrom('land' as const, 'confirm' as const, 'abandon' as const),
    pick: fc.nat(5),
  }),
  fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('a', 'b') }),
  fc.record({ do: fc.constant('prove' as const), byAlice: fc.boolean() }),
);

interface Writing {
  readonly id: IntentId;
  readonly name: string;
  readonly key: CustomerKey;
  completed: { readonly versionId: string | null } | null;
}

it('the proof is never given for a key that an object or a running write needs, in any order of events', async () => {
  let proofs = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 30 }), async (isVersioned, steps) => {
      const bucket = new Bucket(isVersioned);
      const keys = [keyNamed(`a${fresh}`), keyNamed(`b${fresh}`)] as const;
      const prefix = `${fresh}/`;
      fresh += 1;
      let writings: Writing[] = [];
      const proven = new Set<CustomerKey>();
      for (const one of steps) {
        const key = 'byAlice' in one && one.byAlice ? keys[0] : keys[1];
        if (one.do === 'intend') {
          const intended = await intend(prefix + one.name, key).catch((error: unknown) => {
            if (!isFault(error, 'conflict')) throw error;
            return null;
          });
          expect(intended === null).toBe(proven.has(key));
          if (intended !== null) writings.push({ id: intended, name: one.name, key, completed: null });
        } else if (one.do === 'remove') {
          bucket.remove(one.name);
          await recordRemoval(ledger, at(prefix + one.name), 'bob');
        } else if (one.do === 'prove') {
          const isNeeded = bucket.holds(key) || writings.some((writing) => writing.key.equals(key));
          const proof = await usage.proveUnused(key.fingerprint);
          if ('keyId' in proof) {
            expect(isNeeded).toBe(false);
            proven.add(key);
            proofs += 1;
          }
        } else {
          const writing = writings[one.pick % Math.max(1, writings.length)];
          if (writing === undefined) continue;
          if (one.do === 'land') {
            writing.completed ??= { versionId: bucket.complete(writing.name, writing.key) };
          } else if (one.do === 'confirm' && writing.completed !== null) {
            await ledger.confirm(writing.id, confirmationOf('"e"', writing.completed.versionId));
            writings = writings.filter((other) => other !== writing);
          } else if (one.do === 'abandon' && writing.completed === null) {
            await ledger.abandon(writing.id);
            writings = writings.filter((other) => other !== writing);
          }
        }
      }
    }),
    { numRuns: 150 },
  );
  expect(proofs).toBeGreaterThan(10);
});
let fresh = 0;
