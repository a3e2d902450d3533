import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('rotation_job')
    .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('username', 'text', (column) => column.notNull())
    .addColumn('bucket', 'text', (column) => column.notNull())
    .addColumn('prefix', 'text', (column) => column.notNull())
    .addColumn('new_key', 'text', (column) => column.notNull())
    .addColumn('old_keys', 'text', (column) => column.notNull())
    .addColumn('versions', 'text', (column) => column.notNull())
    .addColumn('pace', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull().check(sql`state in ('running', 'done')`))
    .addColumn('cursor_key', 'text')
    .addColumn('counts', 'text', (column) => column.notNull())
    .addColumn('obstacle', 'text')
    .addColumn('retired_keys', 'text', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_ms', 'bigint', (column) => column.notNull())
    .addColumn('finished_ms', 'bigint')
    .execute();
  // Unique, because a user has at most one rotation at a time.
  await db.schema
    .createIndex('rotation_job_running')
    .unique()
    .on('rotation_job')
    .column('username')
    .where(sql.ref('state'), '=', sql.lit('running'))
    .execute();
  await db.schema
    .createTable('rotation_problem')
    .addColumn('job_id', 'text', (column) => column.notNull())
    .addColumn('object_key', 'text', (column) => column.notNull())
    // Empty for the current object.
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('rotation_problem_by_object', ['job_id', 'object_key', 'version_id'])
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Creates the tables of key rotations. */
export const rotation: Migration = { up };
