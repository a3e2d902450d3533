import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { Confirmation, IntentId, KeyLedger } from '../../model/ledger.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';

const ref = { bucket: 'bucket', key: 'k' };
const whole = { ref, actor: 'bob', versionId: null };
let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let nowMs: number;
let ids: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-removals-'));
  nowMs = 1_000;
  ids = 1;
  await reopen();
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  db = await openTestDatabase(join(directory, 'ledger.db'));
  ledger = createKeyLedger(
    db,
    { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: () => Promise.resolve() },
    { bytes: (length) => new Uint8Array(length), id: () => (ids++).toString(16).padStart(16, '0') },
  );
}

function intend(): Promise<IntentId> {
  return ledger.intend({ ref, sealedWith: { kind: 'sse-s3' }, actor: 'alice', requestId: 'r' });
}

async function write(versionId: string | null): Promise<IntentId> {
  const id = await intend();
  await ledger.confirm(id, confirmation(versionId));
  return id;
}

function confirmation(versionId: string | null): Confirmation {
  return { size: 1, checksum: null, etag: `"${ids}"`, versionId, mtimeSeconds: null };
}

async function states(): Promise<readonly string[]> {
  const rows = await db.read((trx) =>
    trx
      .selectFrom('sealed_object')
      .select(['state', 'removed_by', 'gone_ms', 'is_current'])
      .orderBy('seq')
      .execute(),
  );
  return rows.map((row) => `${row.state} ${row.removed_by} ${row.gone_ms} ${row.is_current}`);
}

describe('a removal', () => {
  it('is pending until its result is recorded, also after a restart', async () => {
    await write(null);
    const id = await ledger.beginRemoval(whole);
    expect(await states()).toEqual(['confirmed null null 1']);
    expect(await ledger.pendingRemovals(1_000)).toEqual([]);
    await db.close();
    await reopen();
    expect(await ledger.pendingRemovals(1_001)).toEqual([{ id, ...whole }]);
    nowMs = 2_000;
    await ledger.endRemoval(id, true);
    expect(await states()).toEqual(['removed bob 2000 0']);
    expect(await ledger.pendingRemovals(9_000)).toEqual([]);
  });

  it('changes no row if the object is still there', async () => {
    await write(null);
    await ledger.endRemoval(await ledger.beginRemoval(whole), false);
    expect(await states()).toEqual(['confirmed null null 1']);
    expect(await ledger.pendingRemovals(9_000)).toEqual([]);
  });

  it('ends once', async () => {
    await write(null);
    const id = await ledger.beginRemoval(whole);
    await ledger.endRemoval(id, false);
    await ledger.endRemoval(id, true);
    expect(await states()).toEqual(['confirmed null null 1']);
  });

  it('leaves an object that was written after its begin, but not the one before', async () => {
    await write(null);
    const id = await ledger.beginRemoval(whole);
    await write(null);
    await ledger.endRemoval(id, true);
    expect((await states()).map((state) => state.split(' ')[0])).toEqual(['removed', 'confirmed']);
  });

  it('leaves unfinished writes, and objects with other names', async () => {
    await intend();
    const id = await ledger.beginRemoval({ ...whole, ref: { bucket: 'bucket', key: 'other' } });
    await write(null);
    await ledger.endRemoval(id, true);
    expect((await states()).map((state) => state.split(' ')[0])).toEqual(['intended', 'confirmed']);
  });

  it('of a versioned object keeps its key, because the object stays as an older version', async () => {
    await write('v1');
    await ledger.endRemoval(await ledger.beginRemoval(whole), true);
    expect(await states()).toEqual(['removed bob null 0']);
    await ledger.endRemoval(await ledger.beginRemoval({ ...whole, versionId: 'v1' }), true);
    expect(await states()).toEqual(['removed bob 1000 0']);
  });

  it('of one version leaves the others', async () => {
    await write('v1');
    await write('v2');
    await ledger.endRemoval(await ledger.beginRemoval({ ...whole, versionId: 'v1' }), true);
    expect(await states()).toEqual(['removed bob 1000 0', 'confirmed null null 1']);
    await write(null);
    await ledger.endRemoval(await ledger.beginRemoval({ ...whole, versionId: 'null' }), true);
    expect((await states())[2]).toBe('removed bob 1000 0');
  });
});
