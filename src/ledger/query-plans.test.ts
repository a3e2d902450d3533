import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SelectQueryBuilder, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GatewayDatabase } from '../db/database.js';
import type { Schema } from '../db/schema.js';
import { openDatabase } from '../db/sqlite/open.js';
import { currentRow, currentRowsBelow, intendedBefore, intendedRows, overlappingRows } from './queries.js';

let directory: string;
let db: GatewayDatabase;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-plans-'));
  db = await openDatabase(join(directory, 'ledger.db'));
});
afterAll(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

async function plan(query: SelectQueryBuilder<Schema, 'sealed_object', unknown>): Promise<string> {
  const steps = await query.explain<{ readonly detail: string }>(undefined, sql`query plan`);
  return steps.map((step) => step.detail).join('; ');
}

/** With an index to search, a million rows cost what ten do; a SCAN would read them all. */
describe('each question is answered by a search in an index', () => {
  const ref = { bucket: 'b', key: 'u/uploads/a' };
  test.each([
    [
      'the newest confirmed row',
      'sealed_object_current (bucket=? AND parent_prefix=? AND object_key=?)',
      () => db.read(async (k) => plan(currentRow(k, ref))),
    ],
    [
      'overlapping writes',
      'sealed_object_by_key (bucket=? AND object_key=? AND state=? AND settled_seq>?)',
      () => db.read(async (k) => plan(overlappingRows(k, ref, 1))),
    ],
    [
      'writes under way',
      'sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
      () => db.read(async (k) => plan(intendedRows(k, ref))),
    ],
    [
      'what a restart settles',
      'sealed_object_pending (intended_ms<?)',
      () => db.read(async (k) => plan(intendedBefore(k, 1))),
    ],
    [
      'a directory',
      'sealed_object_current (bucket=? AND parent_prefix=?)',
      () => db.read(async (k) => plan(currentRowsBelow(k, 'b', 'u/', undefined))),
    ],
    [
      'a page of a directory',
      'sealed_object_current (bucket=? AND parent_prefix=? AND object_key>? AND object_key<?)',
      () => db.read(async (k) => plan(currentRowsBelow(k, 'b', 'u/', { first: 'a', last: 'b' }))),
    ],
  ])('%s: %s', async (_question, index, explain) => {
    const steps = await explain();
    expect(steps).toContain(`SEARCH sealed_object USING INDEX ${index}`);
    expect(steps).not.toContain('SCAN');
  });
});
