import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator, NO_MIGRATIONS } from 'kysely/migration';
import { Fault } from '../model/fault.js';
import { engineOf } from './engine.js';
import { migrations as ours } from './migrations/index.js';
import { isLostConnection } from './postgres/errors.js';
import { isDamage } from './sqlite/errors.js';

const bookkeeping = 'kysely_migration';
/** How long a start waits for the migration of another one, in milliseconds. */
const migrationWaitMs = 60_000;
/** The advisory lock of migrations in a PostgreSQL database: the letters `sftpgw` and a number. */
const migrationLock = 0x7366_7470_0001;

/**
 * Migrates the database to this program's schema, completely or not at all. `database` is its name in errors.
 * Throws `unsupported` if a newer program has changed it, and `unavailable` if a migration fails, which
 * changes nothing.
 */
export async function migrateToLatest<DB>(
  db: Kysely<DB>,
  database: string,
  migrations: Readonly<Record<string, Migration>> = ours,
): Promise<void> {
  await db.connection().execute(async (connection) => {
    await beginAlone(connection);
    try {
      await refuseNewer(connection, database, Object.keys(migrations));
      const migrator = new Migrator({
        db: connection,
        provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
      });
      const { error } = await migrator.migrateToLatest();
      if (error !== undefined) throw error;
      await sql`commit`.execute(connection);
    } catch (error) {
      // The engine may have rolled back by itself; the first error counts.
      await sql`rollback`.execute(connection).catch(() => undefined);
      if (error instanceof Fault || isDamageError(error) || isLostConnection(error)) throw error;
      throw new Fault('unavailable', `cannot upgrade the tables of ${database}; nothing was changed`, {
        cause: error,
      });
    }
  });
}

/**
 * Begins a transaction that excludes other migrations. Of two processes that start at the same time, one waits and
 * then has nothing to migrate.
 */
async function beginAlone<DB>(db: Kysely<DB>): Promise<void> {
  if (engineOf(db) === 'sqlite') {
    await sql`begin immediate`.execute(db);
    return;
  }
  await sql`begin`.execute(db);
  try {
    await sql`set local statement_timeout = 0`.execute(db);
    await sql`set local lock_timeout = ${sql.lit(migrationWaitMs)}`.execute(db);
    await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(db);
  } catch (error) {
    await sql`rollback`.execute(db).catch(() => undefined);
    throw error;
  }
}

/** A damaged file is reported as such, whichever statement meets the damage. */
function isDamageError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && isDamage(error.code);
}

/** Reports whether the database has a table, in the schema that queries use. */
async function hasTable<DB>(db: Kysely<DB>, name: string): Promise<boolean> {
  if (engineOf(db) === 'postgres') {
    const { rows } = await sql<{ there: boolean }>`select to_regclass(${name}) is not null as there`.execute(
      db,
    );
    return rows[0]?.there === true;
  }
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  return tables.some((table) => table.name === name);
}

/**
 * Reports whether the database has exactly this program's tables, without a lock. Throws `unsupported` as
 * `migrateToLatest`.
 */
export async function isMigrated<DB>(db: Kysely<DB>, database: string): Promise<boolean> {
  const known = Object.keys(ours);
  return (await refuseNewer(db, database, known)) === known.length;
}

/** Returns the number of migrations that the database has. */
async function refuseNewer<DB>(db: Kysely<DB>, database: string, known: readonly string[]): Promise<number> {
  if (!(await hasTable(db, bookkeeping))) return 0;
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(bookkeeping)}`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !known.includes(name));
  if (unknown.length === 0) return rows.length;
  throw new Fault(
    'unsupported',
    `${database} was changed by a newer version of this program (${unknown.join(', ')}; this one knows up to ` +
      `${known.at(-1) ?? NO_MIGRATIONS.__noMigrations__}): run that version, or restore the database from before the upgrade`,
  );
}
