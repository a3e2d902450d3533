import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuditReader } from '../../src/database/audit/reader.js';
import type { GatewayDatabase } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/sqlite/open.js';
import type { AuditQuery } from '../../src/model/audit.js';

/** Rows of the full drill: `npm run drill:audit`. */
const rows = process.env['SFTPGW_DRILL'] === 'full' ? 10_000_000 : 200_000;
const users = 500;
/** One event every three seconds: ten million rows are 347 days. */
const everyMs = 3_000;
const startMs = Date.UTC(2026, 0, 1);
const limitMs = 200;
/** Rows that `sftpgw audit` prints by default. */
const printed = 100;

const directory = mkdtempSync(join(tmpdir(), 'sftpgw-audit-query-'));
const path = join(directory, 'sftpgw.db');
let database: GatewayDatabase;

/** Fills the table without its indexes, and creates these afterwards. The hashes are not those of the rows. */
function fill(): void {
  const sqlite = new Database(path);
  sqlite.pragma('synchronous = OFF');
  sqlite.pragma('cache_size = -200000');
  const indexes = sqlite
    .prepare<[], { name: string; sql: string }>(
      "select name, sql from sqlite_master where type = 'index' and tbl_name = 'audit_event' and sql is not null",
    )
    .all();
  for (const { name } of indexes) sqlite.exec(`drop index ${name}`);
  sqlite
    .prepare(
      `insert into audit_event
       with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ?)
       select n, ? + n * ${everyMs}, '0123456789abcdef', 'user', 'user' || (n * 7919 % ${users}), '192.0.2.7',
         's' || (n / 50), 'r' || n, 'file.write', '/uploads/' || (n * 7919 % 1000003), 'b', 'k' || n, 'ok',
         'key' || (n * 7919 % ${users}), '{"bytes":4096}', 'previous', 'hash'
       from numbers`,
    )
    .run(rows, startMs);
  for (const { sql } of indexes) sqlite.exec(sql);
  sqlite.close();
}

beforeAll(async () => {
  await (await openDatabase(path)).close();
  fill();
  database = await openDatabase(path);
}, 1_800_000);
afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

/** Returns the time in milliseconds for the first rows of a query, and their number. */
async function timed(query: AuditQuery): Promise<{ readonly ms: number; readonly found: number }> {
  const started = performance.now();
  let found = 0;
  for await (const _row of createAuditReader(database).query(query)) {
    found += 1;
    if (found === printed) break;
  }
  return { ms: performance.now() - started, found };
}

const middleMs = startMs + (rows / 2) * everyMs;
const dayMs = 24 * 3_600_000;

describe(`a query over ${rows.toLocaleString('en')} events`, () => {
  it.each([
    ['user and time', { user: 'user77', sinceMs: middleMs, untilMs: middleMs + dayMs }],
    ['user, the newest', { user: 'user77' }],
    [
      'path and time',
      { targetPrefix: '/uploads/7919', sinceMs: middleMs - dayMs, untilMs: middleMs + dayMs },
    ],
    ['key and time', { keyId: 'key77', untilMs: middleMs }],
    ['session', { session: 's1000' }],
    ['time', { sinceMs: middleMs, untilMs: middleMs + dayMs }],
  ] as const)('by %s takes less than 200 ms', async (name, query) => {
    const { ms, found } = await timed(query);
    console.log(`${name}: ${found} rows in ${ms.toFixed(1)} ms`);
    if (name !== 'path and time') expect(found).toBeGreaterThan(0);
    expect(ms).toBeLessThan(limitMs);
  });
});
