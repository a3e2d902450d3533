import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('parked_upload').addColumn('shown_key', 'text').execute();
  await db.schema
    .alterTable('parked_upload')
    .addColumn('is_complete', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
}

/** Lets parked uploads be complete, and be shown under another name than they are stored under. */
export const heldUploads: Migration = { up };
