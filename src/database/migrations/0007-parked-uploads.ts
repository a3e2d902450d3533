import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('parked_upload')
    .addColumn('row_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('parts', 'text', (column) => column.notNull())
    .addColumn('mtime_seconds', 'bigint')
    .addColumn('parked_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Creates the table of parked uploads. */
export const parkedUploads: Migration = { up };
