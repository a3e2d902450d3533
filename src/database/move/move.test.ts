import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresServer, postgresMissing } from '../../../test/support/postgres-server.js';
import { commandIdentity } from '../../../test/support/test-database.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from '../ledger/ledger.js';
import { openPostgres } from '../postgres/open.js';
import { openDatabase } from '../sqlite/open.js';
import { moveDatabase, type NamedDatabase, refuseMoved } from './move.js';
import { type MovedTable, movedTables, namesOfMovedTables } from './tables.js';
import { addCounted, fillTables, rowsOf, tablesOf } from './testing/every-table.js';

const skipped = postgresMissing();
const clock = { nowMs: () => 1_000, monotonicMs: () => 0, sleep: async () => undefined };
const objects = 1_200;

let server: PostgresServer;
/** A database with all tables. Copying it is faster than migrating. */
let template: string;
let directory: string;
let file: GatewayDatabase;
let other: GatewayDatabase;

beforeAll(async () => {
  if (skipped !== null) return;
  server = await PostgresServer.start();
  template = await server.createDatabase();
  await (await openPostgres(server.options(template), commandIdentity())).close();
});
afterAll(async () => {
  if (skipped === null) await server.stop();
});
beforeEach(async () => {
  if (skipped !== null) return;
  directory = mkdtempSync(join(tmpdir(), 'move-'));
  file = await openDatabase(join(directory, 'sftpgw.db'));
  other = await openPostgres(server.options(await server.createDatabase(template)), commandIdentity());
});
afterEach(async () => {
  if (skipped !== null) return;
  await file.close();
  await other.close();
  rmSync(directory, { recursive: true });
});

const sqlite = (): NamedDatabase => ({ database: file, name: 'the file' });
const postgres = (): NamedDatabase => ({ database: other, name: 'the server' });

function ledgerOf(database: GatewayDatabase, start: number) {
  let ids = start;
  const entropy = {
    bytes: (length: number) => new Uint8Array(length),
    id: () => String(ids++).padStart(16, '0'),
  };
  return createKeyLedger(database, clock, entropy);
}

async function write(database: GatewayDatabase, keys: readonly string[], start: number): Promise<void> {
  const ledger = ledgerOf(database, start);
  const intent = { sealedWith: { kind: 'sse-s3' }, actor: 'bob\0', requestId: 'r' } as const;
  for (const key of keys) await ledger.intend({ ...intent, ref: { bucket: 'b', key } });
}

async function keysOf(database: GatewayDatabase): Promise<readonly string[]> {
  const rows = await database.read((db) =>
    db.selectFrom('sealed_object').select('object_key').orderBy('seq').execute(),
  );
  return rows.map((row) => row.object_key);
}

/** Fills every table whose keys are difficult: not in order, of several columns, or with characters of all kinds. */
async function fill(database: GatewayDatabase): Promise<readonly string[]> {
  const keys = Array.from({ length: objects }, (_, index) => `\u{10000}${index} \ufffd "'\\`);
  await Promise.all([write(database, keys.slice(0, 600), 0), write(database, keys.slice(600), 600)]);
  await database.write(async (trx) => {
    for (const name of ['b', 'a', 'A', 'é']) {
      await trx
        .insertInto('mirror_prefix')
        .values({ name, origin: name, empty_seen_ms: null, status: null })
        .execute();
      await trx
        .insertInto('mirror_entry')
        .values({ prefix_id: 1, path: name, inode: 2 ** 63, disk_mtime_ms: 1_700_000_000_000.123 })
        .execute();
      await trx
        .insertInto('barred_key')
        .values({ key_fingerprint: name, barred_ms: 2 ** 52 })
        .execute();
    }
  });
  return await keysOf(database);
}

describe.skipIf(skipped !== null)('a move of the database', () => {
  it('copies every row, and both sides number new rows behind the copied ones', async () => {
    const keys = await fill(file);
    const tables = await moveDatabase(sqlite(), postgres());
    expect(tables.map(({ table }) => table)).toEqual(namesOfMovedTables());
    expect(tables.find(({ table }) => table === 'sealed_object')?.rows).toBe(objects);
    expect(await keysOf(other)).toEqual(keys);
    await refuseMoved(postgres());
    await write(other, ['new'], objects);
    expect(await keysOf(other)).toEqual([...keys, 'new']);
  });

  it('moves back what was written meanwhile', async () => {
    const keys = await fill(file);
    await moveDatabase(sqlite(), postgres());
    await write(other, ['later'], objects);
    await moveDatabase(postgres(), sqlite());
    expect(await keysOf(file)).toEqual([...keys, 'later']);
    await refuseMoved(sqlite());
    await expect(refuseMoved(postgres())).rejects.toMatchObject({ kind: 'conflict' });
    await write(file, ['last'], objects + 1);
    await moveDatabase(sqlite(), postgres());
    expect(await keysOf(other)).toEqual([...keys, 'later', 'last']);
  });

  it('refuses the old side, and names the way back', async () => {
    await fill(file);
    await moveDatabase(sqlite(), postgres());
    await expect(refuseMoved(sqlite())).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('database migrate --from postgres --to sqlite'),
    });
  });

  it('continues after an interruption at any batch, and refuses the half until then', async () => {
    const keys = await fill(file);
    for (let batches = 0; ; batches += 1) {
      let left = batches;
      const interrupted = moveDatabase(sqlite(), postgres(), () => {
        if (left === 0) throw new Error('killed');
        left -= 1;
      });
      const isDone = await interrupted.then(
        () => true,
        () => false,
      );
      if (isDone) break;
      await expect(refuseMoved(postgres())).rejects.toMatchObject({
        hint: expect.stringContaining('--from sqlite --to postgres'),
      });
    }
    expect(await keysOf(other)).toEqual(keys);
    await refuseMoved(postgres());
  });

  it('refuses a target with rows of another gateway, and changes nothing', async () => {
    await fill(file);
    await write(other, ['own'], 5_000);
    await expect(moveDatabase(sqlite(), postgres())).rejects.toMatchObject({ kind: 'exists' });
    expect(await keysOf(other)).toEqual(['own']);
    await refuseMoved(sqlite());
  });

  it('reports rows that differ afterwards, and leaves the source in charge', async () => {
    await fill(file);
    const changing = moveDatabase(sqlite(), postgres(), (action, table) => {
      if (action !== 'copy' || table !== 'mirror_entry') return;
      void other.write((trx) => trx.deleteFrom('barred_key').execute());
    });
    await expect(changing).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringContaining('barred_key'),
    });
    await refuseMoved(sqlite());
  });
});

describe.skipIf(skipped !== null)('the tables of a gateway', () => {
  const own = [
    ...['database_move', 'database_writer', 'lease', 'login_count', 'node_request', 'node_session'],
    ...['cluster_root', 'join_token', 'root_file', 'root_node'],
  ];

  it('are the same in both engines, and each one moves or is about the database itself', async () => {
    const [inFile, inServer] = [await tablesOf(file), await tablesOf(other)];
    expect([...inFile.keys()].sort()).toEqual([...namesOfMovedTables(), ...own].sort());
    expect(sorted(inServer)).toEqual(sorted(inFile));
  });

  it('move in the order of their primary keys', async () => {
    const { rows } = await other.read((db) =>
      sql<{ table: string; keys: string }>`
        select t.table_name as table, string_agg(k.column_name, ' ' order by k.ordinal_position) as keys
        from information_schema.table_constraints t
        join information_schema.key_column_usage k using (constraint_schema, constraint_name)
        where t.constraint_type = 'PRIMARY KEY' and t.constraint_schema = current_schema()
        group by t.table_name`.execute(db),
    );
    const keys = new Map(rows.map((row) => [row.table, row.keys]));
    for (const table of namesOfMovedTables())
      expect(keys.get(table), table).toBe(movedTables[table].join(' '));
  });

  it('move with every kind of value, there and back, and continue to count', async () => {
    await fillTables(file, 6);
    await moveDatabase(sqlite(), postgres());
    await using back = await openDatabase(join(directory, 'back.db')).then(disposable);
    for (const table of namesOfMovedTables()) {
      expect(await rowsOf(other, table), table).toEqual(await rowsOf(file, table));
    }
    await moveDatabase(postgres(), { database: back.database, name: 'the new file' });
    for (const table of namesOfMovedTables()) {
      const rows = await rowsOf(file, table);
      expect(rows, table).toHaveLength(6);
      expect(await rowsOf(back.database, table), table).toEqual(rows);
    }
    const { rows: counted } = await other.read((db) =>
      sql<{ table: MovedTable }>`
        select table_name as table from information_schema.columns
        where table_schema = current_schema() and is_identity = 'YES' order by 1`.execute(db),
    );
    expect(counted.length).toBeGreaterThan(5);
    for (const { table } of counted) {
      for (const database of [other, back.database])
        expect(await addCounted(database, table, 7), table).toBe(6_001);
    }
  });
});

/** Sorts tables and columns. A key is never null, although SQLite would allow it for numbers. */
function sorted(tables: Awaited<ReturnType<typeof tablesOf>>) {
  const byName = <T extends { readonly name: string }>(all: readonly T[]) =>
    [...all].sort((one, another) => (one.name < another.name ? -1 : 1));
  const keys: Readonly<Record<string, readonly string[] | undefined>> = movedTables;
  return byName(
    [...tables].map(([name, columns]) => ({
      name,
      columns: byName(columns).map((column) => ({
        ...column,
        isNullable: column.isNullable && keys[name]?.includes(column.name) !== true,
      })),
    })),
  );
}

function disposable(database: GatewayDatabase) {
  return { database, [Symbol.asyncDispose]: () => database.close() };
}
