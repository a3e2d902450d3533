import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('webhook')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('filter', 'text', (column) => column.notNull())
    .addColumn('secret_sealed', 'text', (column) => column.notNull())
    .addColumn('secret_ms', 'bigint', (column) => column.notNull())
    .addColumn('previous_sealed', 'text')
    .addColumn('overlap_until_ms', 'bigint')
    .addColumn('cursor_seq', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('last_delivered_ms', 'bigint')
    .execute();
  await db.schema
    .createTable('webhook_delivery')
    .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('webhook_id', 'text', (column) => column.notNull())
    .addColumn('audit_seq', 'bigint', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('subject', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('first_tried_ms', 'bigint')
    .addColumn('next_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_ms', 'bigint', (column) => column.notNull())
    .addColumn('status', 'integer')
    .addColumn('error', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('webhook_delivery_by_state')
    .on('webhook_delivery')
    .columns(['webhook_id', 'state', 'audit_seq'])
    .execute();
  // Finds whether an earlier message about the same subject is pending.
  await db.schema
    .createIndex('webhook_delivery_by_subject')
    .on('webhook_delivery')
    .columns(['webhook_id', 'state', 'subject', 'audit_seq'])
    .execute();
}

/** Creates the tables of webhooks. */
export const webhooks: Migration = { up };
