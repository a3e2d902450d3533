import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('database_writer').addColumn('version', 'text').execute();
  await db.schema
    .alterTable('database_writer')
    .addColumn('state', 'text', (column) => column.notNull().defaultTo('live'))
    .execute();
  for (const name of ['is_clustered', 'steady_ms']) {
    await db.schema
      .alterTable('database_writer')
      .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
  }
  for (const table of ['sealed_object', 'job']) {
    await db.schema.alterTable(table).addColumn('node', 'text').execute();
    await db.schema.alterTable(table).addColumn('node_epoch', 'bigint').execute();
  }
  await db.schema.alterTable('audit_spool').addColumn('node', 'text').execute();
  await db.schema
    .createTable('lease')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('node_epoch', 'bigint', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('expires_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Adds what several nodes on one database need: owners of rows, and leases of work that runs once. */
export const nodes: Migration = { up };
