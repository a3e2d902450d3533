import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_event')
    .addColumn('seq', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('time_ms', 'bigint', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('actor_kind', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('address', 'text')
    .addColumn('session', 'text')
    .addColumn('request', 'text')
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('target', 'text')
    .addColumn('bucket', 'text')
    .addColumn('object_key', 'text')
    .addColumn('result', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text')
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_event_by_time').on('audit_event').columns(['time_ms', 'seq']).execute();
  await db.schema
    .createIndex('audit_event_by_actor')
    .on('audit_event')
    .columns(['actor', 'time_ms', 'seq'])
    .execute();
  await db.schema
    .createIndex('audit_event_by_target')
    .on('audit_event')
    .columns(['target', 'time_ms', 'seq'])
    .where(sql.ref('target'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('audit_event_by_key')
    .on('audit_event')
    .columns(['key_id', 'time_ms', 'seq'])
    .where(sql.ref('key_id'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('audit_event_by_session')
    .on('audit_event')
    .columns(['session', 'time_ms', 'seq'])
    .where(sql.ref('session'), 'is not', null)
    .execute();
  // One row: the end of the chain, and the last row that was pruned.
  await db.schema
    .createTable('audit_chain')
    .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('last_seq', 'bigint', (column) => column.notNull())
    .addColumn('last_hash', 'text', (column) => column.notNull())
    .addColumn('anchor_seq', 'bigint', (column) => column.notNull())
    .addColumn('anchor_hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('audit_spool')
    .addColumn('segment', 'text', (column) => column.primaryKey().notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('audit_receiver')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('sent_seq', 'bigint', (column) => column.notNull())
    .execute();
}

/** Creates the tables of the audit trail. */
export const auditTrail: Migration = { up };
