import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('mirror_entry').addColumn('refused_modified_ms', 'bigint').execute();
}

/** Adds the modification time of objects that no key opened. */
export const refusedTime: Migration = { up };
