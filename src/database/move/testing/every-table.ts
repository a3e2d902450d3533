import { type Kysely, type Selectable, sql } from 'kysely';
import type { GatewayDatabase } from '../../database.js';
import type { Schema } from '../../schema.js';
import { type MovedTable, movedTables, namesOfMovedTables } from '../tables.js';

/** A row of any table. */
export type AnyRow = Readonly<Record<string, unknown>>;

/** A column as an engine describes it. Only what is the same in both engines. */
export interface AnyColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
  readonly isNullable: boolean;
}

type AnyTables = Record<string, Record<string, unknown>>;

/** Values for the columns whose constraints allow only some. `number` is the number of the row, from 1 on. */
const constrained: {
  readonly [Table in MovedTable]?: (number: number) => Partial<Selectable<Schema[Table]>>;
} = {
  sealed_object: (number) => ({
    state: number % 2 === 0 ? 'confirmed' : 'intended',
    is_current: 0,
    sealed_kind: 'sse-c',
    key_fingerprint: `fingerprint ${number}`,
    key_md5: 'md5',
    size: number,
    etag: 'etag',
    settled_seq: number,
    checksum_algorithm: 'crc32c',
  }),
  rotation_job: (number) => ({ state: number === 1 ? 'running' : 'done' }),
};

/** Returns the columns of each table by name, as the database has them, without the tables of Kysely. */
export async function tablesOf(
  database: GatewayDatabase,
): Promise<ReadonlyMap<string, readonly AnyColumn[]>> {
  const tables = await database.read((db) => db.introspection.getTables());
  return new Map(
    tables.map(({ name, columns }) => [
      name,
      columns.map((column) => ({
        name: column.name,
        type: column.dataType.toLowerCase() === 'text' ? ('text' as const) : ('number' as const),
        isNullable: column.isNullable,
      })),
    ]),
  );
}

/** Returns a row with a value in each column, or with null where it may be if `isSparse`. */
export function rowOf(
  table: MovedTable,
  columns: readonly AnyColumn[],
  number: number,
  isSparse: boolean,
): AnyRow {
  const keys: readonly string[] = movedTables[table];
  const values = columns.map(({ name, type, isNullable }) => {
    if (isSparse && isNullable && !keys.includes(name)) return [name, null];
    // U+FFFD sorts before U+10000 in UTF-8, and after it in UTF-16. PostgreSQL cannot store U+0000.
    const text = `${number % 2 === 0 ? '\ufffd' : '\u{10000}'}${name}\0\uf8f0 'é"\\ ${number}`;
    return [name, type === 'text' ? text : 1_000 * number];
  });
  return { ...(Object.fromEntries(values) as AnyRow), ...constrained[table]?.(number) };
}

/** Adds rows to each table: full ones, and sparse ones. */
export async function fillTables(database: GatewayDatabase, rows: number): Promise<void> {
  const tables = await tablesOf(database);
  await database.write(async (trx) => {
    for (const table of namesOfMovedTables()) {
      const columns = tables.get(table) ?? [];
      for (let number = 1; number <= rows; number += 1) {
        await insert(trx, table, rowOf(table, columns, number, number > rows / 2));
      }
    }
  });
}

/** Adds a row without the key that the database counts, and returns the key that it got. */
export async function addCounted(
  database: GatewayDatabase,
  table: MovedTable,
  number: number,
): Promise<unknown> {
  const [key] = movedTables[table] as readonly string[];
  if (key === undefined) return null;
  const { [key]: _, ...row } = rowOf(table, (await tablesOf(database)).get(table) ?? [], number, true);
  const added = await database.write((trx) =>
    (trx as unknown as Kysely<AnyTables>).insertInto(table).values(row).returning(key).executeTakeFirst(),
  );
  return added?.[key];
}

/** Returns all rows of a table in the order of its key. */
export async function rowsOf(database: GatewayDatabase, table: MovedTable): Promise<readonly AnyRow[]> {
  const keys = sql.join(movedTables[table].map((key) => sql.ref(key)));
  const { rows } = await database.read((db) =>
    sql<AnyRow>`select * from ${sql.table(table)} order by ${keys}`.execute(db),
  );
  return rows;
}

async function insert(db: Kysely<Schema>, table: MovedTable, row: AnyRow): Promise<void> {
  await (db as unknown as Kysely<AnyTables>).insertInto(table).values(row).execute();
}
