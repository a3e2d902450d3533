import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('root_file')
    .addColumn('path', 'text', (column) => column.primaryKey().notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('is_removed', 'integer', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('changed_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
  await db.schema.createIndex('root_file_by_revision').on('root_file').column('revision').execute();
  await db.schema
    .createTable('cluster_root')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('identity', 'text', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
  await db.schema
    .createTable('join_token')
    .addColumn('token_hash', 'text', (column) => column.primaryKey().notNull())
    .addColumn('sealed_identity', 'text', (column) => column.notNull())
    .addColumn('expires_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
  await db.schema
    .createTable('root_node')
    .addColumn('node', 'text', (column) => column.primaryKey().notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('conflicts', 'text', (column) => column.notNull())
    .addColumn('problems', 'text', (column) => column.notNull())
    .addColumn('reported_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Adds the files below the root that the nodes of a cluster share, and the tokens of machines that join. */
export const rootFiles: Migration = { up };
