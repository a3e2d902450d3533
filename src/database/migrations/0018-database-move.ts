import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  // One row at most.
  await db.schema
    .createTable('database_move')
    .addColumn('role', 'text', (column) =>
      column.primaryKey().notNull().check(sql`role in ('source', 'target')`),
    )
    .addColumn('other', 'text', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Adds the mark of a move to another engine. */
export const databaseMove: Migration = { up };
