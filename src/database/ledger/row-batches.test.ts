import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { KeyLedger, LedgerRows } from '../../model/ledger.js';
import { quickClock, seededEntropy } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';
import { createLedgerRowBatches } from './row-batches.js';
import { recordRemoval } from './testing/removal.js';

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let rows: LedgerRows;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-batches-'));
  db = await openTestDatabase(join(directory, 'db'));
  ledger = createKeyLedger(db, quickClock, seededEntropy('ledger'));
  rows = createLedgerRowBatches(db);
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

const intend = (key: string, bucket = 'b') =>
  ledger.intend({ ref: { bucket, key }, sealedWith: { kind: 'sse-s3' }, actor: 'bob', requestId: 'r' });
async function write(key: string, etag: string, versionId: string | null = null, bucket = 'b') {
  const id = await intend(key, bucket);
  await ledger.confirm(id, { size: 1, checksum: null, etag, versionId, mtimeSeconds: null });
}
const current = async (...keys: readonly string[]) =>
  [...(await rows.currentOf('b', keys))].map(([key, row]) => [key, row.confirmation?.etag]);
const versions = async (...keys: readonly string[]) =>
  (await rows.versionsOf('b', keys))
    .map(({ state, confirmation }) => [confirmation?.versionId, state])
    .sort();

it('the current rows of objects are those that were confirmed last', async () => {
  await write('a', '1');
  await write('a', '2');
  await write('c', '3');
  await write('d', '4', null, 'another');
  await intend('e');
  await ledger.abandon(await intend('f'));
  await write('g', '5');
  await recordRemoval(ledger, { bucket: 'b', key: 'g' }, 'bob');
  expect(await current('a', 'c', 'd', 'e', 'f', 'g', 'none')).toEqual([
    ['a', '2'],
    ['c', '3'],
  ]);
  expect(await current('c')).toEqual([['c', '3']]);
  expect(await current()).toEqual([]);
});

it('the versions of objects are all that have an id, also those below a removal', async () => {
  await write('a', '1', 'v1');
  await write('a', '2', 'v2');
  await write('c', '3', 'v3');
  await recordRemoval(ledger, { bucket: 'b', key: 'c' }, 'bob');
  await write('d', '4');
  await write('e', '5', 'v5', 'another');
  await intend('a');
  expect(await versions('a', 'c', 'd', 'e')).toEqual([
    ['v1', 'confirmed'],
    ['v2', 'confirmed'],
    ['v3', 'removed'],
  ]);
  expect(await versions('c')).toEqual([['v3', 'removed']]);
  expect(await versions()).toEqual([]);
});
