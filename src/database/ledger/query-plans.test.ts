import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, type SelectQueryBuilder, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseKeyFingerprint } from '../../model/customer-key.js';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { openDatabase } from '../sqlite/open.js';
import type { Statement } from '../statement.js';
import { needsQuery, totalsQuery } from './key-usage.js';
import { orphans } from './orphans.js';
import {
  currentRow,
  currentRowsBelow,
  currentRowsOf,
  intendedBefore,
  intendedRows,
  overlappingRows,
  versionRowsOf,
} from './queries.js';
import { selectKnown, selectRow } from './statements.js';
import { liveCount, liveRowsAfter, liveRowsOfKey, nextBucket } from './versions.js';

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

const fingerprint = parseKeyFingerprint('a'.repeat(32));

/** A search in an index costs the same for ten rows and for a million. A SCAN would read all rows. */
describe('each query searches an index', () => {
  const ref = { bucket: 'b', key: 'u/uploads/a' };
  it.each([
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
      'running writes',
      'sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
      () => db.read(async (k) => plan(intendedRows(k, ref))),
    ],
    [
      'writes that a restart settles',
      'sealed_object_pending (intended_ms<?)',
      () => db.read(async (k) => plan(intendedBefore(k, 1))),
    ],
    [
      'a directory',
      'sealed_object_current (bucket=? AND parent_prefix=?)',
      () => db.read(async (k) => plan(currentRowsBelow(k, 'b', 'u/', undefined))),
    ],
    [
      'the needs of a key',
      'sealed_object_by_fingerprint (key_fingerprint=?)',
      () => db.read(async (k) => plan(needsQuery(k, fingerprint, null, 10))),
    ],
    [
      'the needs of a key, after a row',
      'sealed_object_by_fingerprint (key_fingerprint=? AND (bucket,object_key)>(?,?))',
      () => db.read(async (k) => plan(needsQuery(k, fingerprint, { ...ref, seq: 1 }, 10))),
    ],
    [
      'the live rows of a bucket',
      'sealed_object_by_key (bucket=? AND object_key>?)',
      () => db.read(async (k) => plan(liveRowsAfter(k, 'b', 'a', 10))),
    ],
    [
      'the live rows of an object',
      'sealed_object_by_key (bucket=? AND object_key=?)',
      () => db.read(async (k) => plan(liveRowsOfKey(k, ref))),
    ],
    [
      'the number of versions in a bucket',
      'sealed_object_by_key (bucket=?)',
      () => db.read(async (k) => plan(liveCount(k, 'b'))),
    ],
    [
      'a page of a directory',
      'sealed_object_current (bucket=? AND parent_prefix=? AND object_key>? AND object_key<?)',
      () => db.read(async (k) => plan(currentRowsBelow(k, 'b', 'u/', { first: 'a', last: 'b' }))),
    ],
    [
      'a page of a whole tree',
      'sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
      () => db.read(async (k) => plan(currentRowsOf(k, 'b', ['u/a', 'v/b/c']))),
    ],
    [
      'a page of versions',
      'sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
      () => db.read(async (k) => plan(versionRowsOf(k, 'b', ['u/a', 'v/b/c']))),
    ],
  ])('%s: %s', async (_query, index, explain) => {
    const steps = await explain();
    expect(steps).toContain(`SEARCH sealed_object USING INDEX ${index}`);
    expect(steps).not.toContain('SCAN');
  });
});

it('the writes of ended nodes are found among the unfinished ones', async () => {
  const steps = await db.read(async (k) => plan(orphans(k)));
  expect(steps).toMatch(/^SCAN sealed_object USING INDEX sealed_object_pending;/);
  expect(steps).toContain('SEARCH database_writer USING PRIMARY KEY (id=?)');
});

/** The index alone answers these queries, without reading the rows. */
describe('each query is answered by an index alone', () => {
  it('the next bucket', async () => {
    const steps = await db.read(async (k) => plan(nextBucket(k, 'b')));
    expect(steps).toMatch(/^SEARCH sealed_object USING COVERING INDEX \w+ \(bucket>\?\)$/);
  });

  it('the totals of all keys', async () => {
    const steps = await db.read(async (k) => plan(totalsQuery(k)));
    expect(steps).toMatch(/^S\w+ sealed_object USING COVERING INDEX sealed_object_by_fingerprint/);
    expect(steps).not.toContain('TEMP B-TREE');
  });
});

describe('the statements of an upload search indexes alone, except for the row itself', () => {
  async function planOf<Values extends object>(
    statement: Statement<Values, unknown>,
    values: Values,
  ): Promise<readonly string[]> {
    return await db.read(async (k) => {
      const { sql: text, parameters } = statement.query(k, values).compile();
      const explain = CompiledQuery.raw(`explain query plan ${text}`, [...parameters]);
      const { rows } = await k.executeQuery(explain as CompiledQuery<{ readonly detail: string }>);
      return rows.map(({ detail }) => detail).filter((detail) => /^(SEARCH|SCAN) \w/.test(detail));
    });
  }

  it('in the check of the object and the key', async () => {
    const steps = await planOf(selectKnown, { bucket: 'b', key: 'k', keyId: fingerprint });
    expect(steps.filter((step) => step !== 'SCAN CONSTANT ROW')).toEqual([
      'SEARCH sealed_object USING COVERING INDEX sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
      'SEARCH barred_key USING PRIMARY KEY (key_fingerprint=?)',
    ]);
  });

  it('in the confirmation', async () => {
    expect(await planOf(selectRow, { id: 'i' })).toEqual([
      'SEARCH row USING INDEX sqlite_autoindex_sealed_object_1 (id=?)',
      'SEARCH other USING COVERING INDEX sealed_object_by_key (bucket=? AND object_key=? AND state=?)',
    ]);
  });
});
