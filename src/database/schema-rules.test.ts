import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayDatabase } from './database.js';
import { type MovedTable, movedTables, namesOfMovedTables } from './move/tables.js';
import { type AnyRow, rowOf, tablesOf } from './move/testing/every-table.js';
import { openDatabase } from './sqlite/open.js';

type AnyTables = Record<string, Record<string, unknown>>;

let directory: string;
let database: GatewayDatabase;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-rules-'));
  database = await openDatabase(join(directory, 'db'));
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

/** Adds a row, with other values in some columns, and returns it. */
async function add(table: MovedTable, number: number, change: AnyRow = {}): Promise<AnyRow> {
  const columns = (await tablesOf(database)).get(table) ?? [];
  const row = { ...rowOf(table, columns, number, false), ...change };
  await database.write((trx) =>
    (trx as unknown as Kysely<AnyTables>).insertInto(table).values(row).execute(),
  );
  return row;
}

const refused = { kind: 'bug', cause: { code: expect.stringMatching(/^SQLITE_CONSTRAINT/) } };

describe('the database itself refuses', () => {
  it.each(namesOfMovedTables())('two rows of %s with the same key', async (table) => {
    const first = await add(table, 1);
    const key = Object.fromEntries(movedTables[table].map((column) => [column, first[column]]));
    await expect(add(table, 2, key)).rejects.toMatchObject(refused);
    await add(table, 3);
  });

  it.each<[table: MovedTable, column: string]>([
    ['sealed_object', 'id'],
    ['mirror_prefix', 'name'],
    ['rotation_job', 'id'],
    ['job', 'id'],
    ['idempotency_key', 'key_hash'],
    ['api_token', 'token_hash'],
    ['admin', 'name'],
    ['admin', 'subject'],
    ['passkey', 'credential_id'],
    ['admin_session', 'secret_hash'],
    ['page_session', 'secret_hash'],
  ])('two rows of %s with the same %s, which names or opens one thing', async (table, column) => {
    const { [column]: value } = await add(table, 1);
    await expect(add(table, 2, { [column]: value })).rejects.toMatchObject(refused);
  });

  it('a second running rotation of a user, and no finished one', async () => {
    const { username } = await add('rotation_job', 1);
    await expect(add('rotation_job', 2, { username, state: 'running' })).rejects.toMatchObject(refused);
    await add('rotation_job', 3, { username, state: 'done' });
    await add('rotation_job', 4, { username, state: 'done' });
    await expect(add('rotation_job', 5, { state: 'paused' })).rejects.toMatchObject(refused);
  });

  it('a second current row of an object, and no older one', async () => {
    const object = { bucket: 'b', parent_prefix: 'p/', object_key: 'p/k' };
    const confirmed = { ...object, state: 'confirmed' };
    await add('sealed_object', 1, { ...confirmed, is_current: 1 });
    await expect(add('sealed_object', 2, { ...confirmed, is_current: 1 })).rejects.toMatchObject(refused);
    await add('sealed_object', 3, { ...confirmed, is_current: 0 });
    await add('sealed_object', 4, { ...confirmed, is_current: 1, object_key: 'p/l' });
    await add('sealed_object', 5, { ...confirmed, is_current: 1, bucket: 'c' });
  });

  it.each<[what: string, change: AnyRow]>([
    ['in an unknown state', { state: 'lost' }],
    ['of an unknown encryption', { sealed_kind: 'none' }],
    ['that is current and not confirmed', { state: 'intended', is_current: 1 }],
    ['that is current and removed', { state: 'removed', is_current: 1 }],
    ['that is current twice', { state: 'confirmed', is_current: 2 }],
    ['of a customer key without its fingerprint', { key_fingerprint: null }],
    ['of a customer key without its MD5', { key_md5: null }],
    ['confirmed without a size', { state: 'confirmed', size: null }],
    ['confirmed without an ETag', { state: 'confirmed', etag: null }],
    ['confirmed without its place in the order', { state: 'confirmed', settled_seq: null }],
    ['with an unknown checksum', { checksum_algorithm: 'md5' }],
  ])('a row of the ledger %s', async (_, change) => {
    await expect(add('sealed_object', 1, change)).rejects.toMatchObject(refused);
    await add('sealed_object', 1);
  });

  it.each(['intended', 'confirmed', 'abandoned', 'removed'])(
    'no row of the ledger that is %s',
    async (state) => {
      await add('sealed_object', 1, { state });
      for (const kind of ['sse-s3', 'sse-kms', 'bucket-default']) {
        await add('sealed_object', 2, {
          id: kind,
          seq: null,
          sealed_kind: kind,
          key_fingerprint: null,
          key_md5: null,
        });
      }
    },
  );
});

/** Reading a whole table for each request would slow down with the number of rows. */
describe('a query of a table that grows searches an index', () => {
  async function plan(query: string): Promise<string> {
    const { rows } = await database.read((db) =>
      sql<{ detail: string }>`explain query plan ${sql.raw(query)}`.execute(db),
    );
    return rows.map(({ detail }) => detail).join('; ');
  }

  it.each([
    ['events, the newest first', 'select * from audit_event order by time_ms desc, seq desc'],
    ...['actor', 'session', 'request', 'key_id'].map((column) => [
      `events by ${column}`,
      `select * from audit_event where ${column} = 'x' order by time_ms desc, seq desc`,
    ]),
    ['the keys of a person', "select * from passkey where admin_id = 'x'"],
    ['the sessions of a person', "select * from admin_session where admin_id = 'x'"],
    ['the next job', "select * from job where state = 'waiting' order by seq"],
    ['the newest requests', 'select * from approval order by created_ms desc'],
    ['the uploads of a user', "select * from page_upload where username = 'x' order by used_ms"],
    [
      'the next deliveries',
      "select * from webhook_delivery where webhook_id = 'x' and state = 'pending' order by audit_seq",
    ],
    [
      'earlier deliveries about a subject',
      "select * from webhook_delivery where webhook_id = 'x' and state = 'pending' and subject = 's' and audit_seq < 5",
    ],
    ['an entry of the mirror', "select * from mirror_entry where prefix_id = 1 and path > 'x' order by path"],
  ])('%s', async (_, query) => {
    const steps = await plan(query);
    expect(steps).toMatch(/USING (?:INDEX|PRIMARY KEY)/);
    expect(steps).not.toMatch(/TEMP B-TREE/);
  });

  it('events below a path', async () => {
    const steps = await plan("select * from audit_event where target >= 'a' and target < 'b'");
    expect(steps).toMatch(
      /^SEARCH audit_event USING INDEX audit_event_by_target \(target>\? AND target<\?\)$/,
    );
  });
});
