import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('database_writer').addColumn('root', 'text').execute();
}

/** Adds the root of a gateway that runs several processes, which share the database with each other only. */
export const workerRoots: Migration = { up };
