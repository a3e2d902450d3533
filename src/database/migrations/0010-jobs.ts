import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('job')
    .addColumn('seq', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('request', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('progress', 'text')
    .addColumn('position', 'text')
    .addColumn('result', 'text')
    .addColumn('fault_kind', 'text')
    .addColumn('fault_text', 'text')
    .addColumn('person', 'text', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_ms', 'bigint', (column) => column.notNull())
    .addColumn('finished_ms', 'bigint')
    .execute();
  await db.schema.createIndex('job_state').on('job').columns(['state', 'seq']).execute();
}

/** Creates the table of long jobs. */
export const jobs: Migration = { up };
