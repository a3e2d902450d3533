import { type Kysely, sql } from 'kysely';
import { Fault } from '../../model/fault.js';
import type { DatabaseEngine, GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { copyTable, digestTable } from './copy-table.js';
import { type MovedTable, namesOfMovedTables } from './tables.js';

/** A database, with its name for people. */
export interface NamedDatabase {
  readonly database: GatewayDatabase;
  readonly name: string;
}

/** The rows of one table that were moved. */
export interface MovedRows {
  readonly table: MovedTable;
  readonly rows: number;
}

/** Receives what a move does: `copy` and `verify`, with the rows so far. */
export type MoveProgress = (action: 'copy' | 'verify', table: MovedTable, rows: number) => void;

type MoveRole = 'source' | 'target';

/**
 * Moves all rows to the other database, compares both, and marks the source as moved. Resumes an interrupted move.
 * Nothing else may write to either. Throws `exists` if the target has rows of its own, `conflict` if the source was
 * moved elsewhere, and `corrupt` if the databases differ afterwards.
 */
export async function moveDatabase(
  from: NamedDatabase,
  to: NamedDatabase,
  progress: MoveProgress = () => undefined,
): Promise<readonly MovedRows[]> {
  await prepare(from, to);
  for (const table of namesOfMovedTables()) {
    let rows = 0;
    await copyTable(table, from.database, to.database, (more) => {
      rows += more;
      progress('copy', table, rows);
    });
  }
  if (to.database.engine === 'postgres') await to.database.write(continueCounting);
  const moved = await compare(from, to, progress);
  await setRole(from.database, 'source', to.name);
  await setRole(to.database, null, from.name);
  return moved;
}

/**
 * Throws `conflict` for a database whose rows were moved to another one, or whose move is not complete: `engine` is
 * where the gateway is about to run.
 */
export async function refuseMoved({ database, name }: NamedDatabase): Promise<void> {
  const mark = await markOf(database);
  if (mark === null) return;
  const { from, to } = directionOf(database.engine, mark.role);
  if (mark.role === 'target') {
    throw new Fault(
      'conflict',
      `the move to ${name} is not complete: run \`sftpgw database migrate --from ${from} --to ${to}\` again`,
    );
  }
  const way = to === 'postgres' ? 'set database.url' : 'remove database.url';
  throw new Fault(
    'conflict',
    `the rows of ${name} were moved to ${mark.other}: ${way}, or run \`sftpgw database migrate --from ${to} --to ${from}\``,
  );
}

/** Returns true if the database has neither objects nor events, as a new one. */
export async function isEmpty(database: GatewayDatabase): Promise<boolean> {
  return await database.read(async (db) => {
    const object = await db.selectFrom('sealed_object').select('seq').limit(1).executeTakeFirst();
    const event = await db.selectFrom('audit_event').select('seq').limit(1).executeTakeFirst();
    return object === undefined && event === undefined;
  });
}

/** Returns the engines of the move that gave a database of this engine its role. */
function directionOf(
  engine: DatabaseEngine,
  role: MoveRole,
): { readonly from: DatabaseEngine; readonly to: DatabaseEngine } {
  const other = engine === 'sqlite' ? 'postgres' : 'sqlite';
  return role === 'source' ? { from: engine, to: other } : { from: other, to: engine };
}

async function prepare(from: NamedDatabase, to: NamedDatabase): Promise<void> {
  const [source, target] = [await markOf(from.database), await markOf(to.database)];
  if (source?.role === 'target') {
    throw new Fault(
      'conflict',
      `${from.name} is the target of a move that is not complete: resume that one first`,
    );
  }
  // The mark of the source comes last, so a move that was interrupted behind it is complete except for that.
  if (source?.role === 'source' && target?.role !== 'target') {
    throw new Fault('conflict', `the rows of ${from.name} were moved to ${source.other} before`);
  }
  if (target?.role === 'target') return;
  if (target === null && !(await isEmpty(to.database))) {
    throw new Fault(
      'exists',
      `${to.name} has rows of a gateway: nothing was changed; empty it, or choose another database`,
    );
  }
  // The rows from before an earlier move in the other direction.
  await to.database.write(async (trx) => {
    for (const table of namesOfMovedTables()) await sql`delete from ${sql.table(table)}`.execute(trx);
    await trx.deleteFrom('database_move').execute();
    await trx.insertInto('database_move').values({ role: 'target', other: from.name }).execute();
  });
}

async function compare(
  from: NamedDatabase,
  to: NamedDatabase,
  progress: MoveProgress,
): Promise<readonly MovedRows[]> {
  const moved: MovedRows[] = [];
  for (const table of namesOfMovedTables()) {
    const one = await digestTable(table, from.database);
    const other = await digestTable(table, to.database);
    progress('verify', table, one.rows);
    if (one.rows !== other.rows || one.digest !== other.digest) {
      throw new Fault(
        'corrupt',
        `the table ${table} has ${one.rows} rows in ${from.name} and ${other.rows} rows in ${to.name}, or their checksums differ: ` +
          `stop all programs that use them, empty ${to.name} and start again`,
      );
    }
    moved.push({ table, rows: one.rows });
  }
  return moved;
}

/** Lets PostgreSQL number new rows behind the copied ones. SQLite does so by itself. */
async function continueCounting(trx: Kysely<Schema>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select table_name as table, column_name as column from information_schema.columns
    where table_schema = current_schema() and is_identity = 'YES'`.execute(trx);
  for (const { table, column } of rows) {
    await sql`
      select setval(pg_get_serial_sequence(${table}, ${column}), max(${sql.ref(column)}))
      from ${sql.table(table)} having max(${sql.ref(column)}) is not null`.execute(trx);
  }
}

async function markOf(database: GatewayDatabase) {
  const mark = await database.read((db) => db.selectFrom('database_move').selectAll().executeTakeFirst());
  return mark ?? null;
}

async function setRole(database: GatewayDatabase, role: MoveRole | null, other: string): Promise<void> {
  await database.write(async (trx) => {
    await trx.deleteFrom('database_move').execute();
    if (role !== null) await trx.insertInto('database_move').values({ role, other }).execute();
  });
}
