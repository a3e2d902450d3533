import { createHash } from 'node:crypto';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { type MovedTable, movedTables } from './tables.js';

/** Max rows that one transaction adds. */
const rowsPerBatch = 500;
/** Max rows of one statement: 25 columns of 64 rows stay below the limits of both engines. */
const rowsPerStatement = 64;

/** A row of any table. */
export type AnyRow = Readonly<Record<string, unknown>>;
/** The queries of this file do not know the columns of a table. */
type AnyTables = Record<string, Record<string, unknown>>;

/** The number of rows of a table, and the SHA-256 over them, in hexadecimal digits. */
export interface TableDigest {
  readonly rows: number;
  readonly digest: string;
}

/**
 * Copies the rows of a table that the target lacks. They are copied in the order of their key, so the target always
 * has the first ones. `copied` receives the number of rows after each batch.
 */
export async function copyTable(
  table: MovedTable,
  from: GatewayDatabase,
  to: GatewayDatabase,
  copied: (rows: number) => void,
): Promise<void> {
  let last = await to.read((db) => lastRow(db, table));
  for (;;) {
    const rows = await from.read((db) => rowsBehind(db, table, last));
    if (rows.length === 0) return;
    await to.write(async (trx) => {
      const any = trx as unknown as Kysely<AnyTables>;
      for (let at = 0; at < rows.length; at += rowsPerStatement) {
        await any
          .insertInto(table)
          .values(rows.slice(at, at + rowsPerStatement))
          .execute();
      }
    });
    copied(rows.length);
    last = rows.at(-1) ?? null;
  }
}

/** Reads a whole table and returns its digest, which is the same in both engines. */
export async function digestTable(table: MovedTable, database: GatewayDatabase): Promise<TableDigest> {
  const hash = createHash('sha256');
  let count = 0;
  for (let last: AnyRow | null = null; ; ) {
    const after: AnyRow | null = last;
    const rows: readonly AnyRow[] = await database.read((db) => rowsBehind(db, table, after));
    for (const row of rows) {
      const columns = Object.keys(row).sort();
      hash.update(JSON.stringify(columns.map((column) => [column, row[column]])));
    }
    count += rows.length;
    last = rows.at(-1) ?? null;
    if (last === null) return { rows: count, digest: hash.digest('hex') };
  }
}

async function rowsBehind(
  db: Kysely<Schema>,
  table: MovedTable,
  after: AnyRow | null,
): Promise<readonly AnyRow[]> {
  const keys: readonly string[] = movedTables[table];
  const columns = list(keys.map((key) => sql.ref(key)));
  const behind =
    after === null ? sql`` : sql`where (${columns}) > (${list(keys.map((key) => sql`${after[key]}`))})`;
  const { rows } = await sql<AnyRow>`
    select * from ${sql.table(table)} ${behind} order by ${columns} limit ${rowsPerBatch}`.execute(db);
  return rows;
}

async function lastRow(db: Kysely<Schema>, table: MovedTable): Promise<AnyRow | null> {
  const keys: readonly string[] = movedTables[table];
  const order = list(keys.map((key) => sql`${sql.ref(key)} desc`));
  const { rows } = await sql<AnyRow>`select * from ${sql.table(table)} order by ${order} limit 1`.execute(db);
  return rows[0] ?? null;
}

function list(parts: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(parts);
}
