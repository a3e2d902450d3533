import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { KeyLedger, Observation, ObservedObjects } from '../../model/ledger.js';
import { keyNamed, quickClock, seededEntropy } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';
import { createObservedObjects } from './observed.js';

const alice = keyNamed('alice');
const bob = keyNamed('bob');

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let observed: ObservedObjects;
let nowMs = 1000;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'observed-'));
  db = await openTestDatabase(join(directory, 'db'));
  const clock = { ...quickClock, nowMs: () => nowMs };
  ledger = createKeyLedger(db, clock, seededEntropy('ledger'));
  observed = createObservedObjects(db, clock, seededEntropy('observed'));
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

function seen(key: string, etag: string, by = alice, readMs = nowMs): Observation {
  return {
    ref: { bucket: 'bucket', key },
    sealedWith: { kind: 'sse-c', fingerprint: by.fingerprint, keyMd5Base64: by.md5Base64 },
    size: 1,
    checksum: { algorithm: 'crc32c', value: 1 },
    etag,
    versionId: null,
    readMs,
  };
}

async function keyOf(key: string): Promise<readonly unknown[]> {
  const rows = await ledger.candidates({ bucket: 'bucket', key });
  return rows.map(({ sealedWith, confirmation, state }) => [
    sealedWith.kind === 'sse-c' ? sealedWith.fingerprint : null,
    confirmation?.etag,
    state,
  ]);
}

describe('an observation', () => {
  it('becomes the ledger’s answer, also for many objects at a time', async () => {
    const many = Array.from({ length: 100 }, (_, index) => seen(`d/f${index}`, '"1"'));
    await observed.observe(many, 'mirror');
    expect(await keyOf('d/f99')).toEqual([[alice.fingerprint, '"1"', 'confirmed']]);
    nowMs += 10;
    await observed.observe([seen('d/f99', '"2"', bob)], 'mirror');
    expect(await keyOf('d/f99')).toEqual([[bob.fingerprint, '"2"', 'confirmed']]);
  });

  it('is recorded once', async () => {
    await observed.observe([seen('a', '"1"')], 'mirror');
    nowMs += 10;
    await observed.observe([seen('a', '"1"'), seen('a', '"1"')], 'mirror');
    const { count } = await db.read((kysely) =>
      kysely
        .selectFrom('sealed_object')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow(),
    );
    expect(count).toBe(1);
  });

  it('does not replace a write that was made after the read began', async () => {
    const readMs = nowMs;
    nowMs += 10;
    const { ref, sealedWith } = seen('a', '"1"', bob);
    const id = await ledger.intend({ ref, sealedWith, actor: 'bob', requestId: 'r' });
    await ledger.confirm(id, {
      size: 1,
      checksum: { algorithm: 'crc32c', value: 1 },
      etag: '"2"',
      versionId: null,
      mtimeSeconds: null,
    });
    await observed.observe([seen('a', '"1"', alice, readMs)], 'mirror');
    expect(await keyOf('a')).toEqual([[bob.fingerprint, '"2"', 'confirmed']]);
    nowMs += 10;
    await observed.observe([seen('a', '"3"')], 'mirror');
    expect(await keyOf('a')).toEqual([[alice.fingerprint, '"3"', 'confirmed']]);
  });

  it('ends when its version is removed, and only then', async () => {
    await observed.observe([seen('a', '"1"'), seen('b', '"1"')], 'mirror');
    const ref = (key: string) => ({ bucket: 'bucket', key });
    await observed.recordRemovals(
      [
        { ref: ref('a'), etag: '"1"' },
        { ref: ref('b'), etag: '"0"' },
      ],
      'mirror',
    );
    expect(await keyOf('a')).toEqual([]);
    expect(await keyOf('b')).toHaveLength(1);
  });
});
