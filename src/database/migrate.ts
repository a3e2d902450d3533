import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator, NO_MIGRATIONS } from 'kysely/migration';
import { Fault } from '../model/fault.js';
import { migrations as ours } from './migrations/index.js';
import { isDamage } from './sqlite/errors.js';

const bookkeeping = 'kysely_migration';

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
    // Takes the write lock. Of two processes that start at the same time, one waits and then has nothing to
    // migrate.
    await sql`begin immediate`.execute(connection);
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
      // SQLite may have rolled back by itself; the first error counts.
      await sql`rollback`.execute(connection).catch(() => undefined);
      if (error instanceof Fault || isDamageError(error)) throw error;
      throw new Fault('unavailable', `cannot upgrade the tables of ${database}; nothing was changed`, {
        cause: error,
      });
    }
  });
}

/** A damaged file is reported as such, whichever statement meets the damage. */
function isDamageError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && isDamage(error.code);
}

async function refuseNewer<DB>(db: Kysely<DB>, database: string, known: readonly string[]): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === bookkeeping)) return;
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(bookkeeping)}`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new Fault(
    'unsupported',
    `${database} was changed by a newer version of this program (${unknown.join(', ')}; this one knows up to ` +
      `${known.at(-1) ?? NO_MIGRATIONS.__noMigrations__}): run that version, or restore the database from before the upgrade`,
  );
}
