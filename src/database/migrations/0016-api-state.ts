import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const counts = ['uploads', 'downloads', 'bytes_received', 'bytes_sent', 'failed', 'logins', 'refused_logins'];

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('user_activity')
    .addColumn('username', 'text', (column) => column.primaryKey().notNull())
    .addColumn('last_login_ms', 'bigint')
    .addColumn('last_file_ms', 'bigint')
    .execute();
  let activity = db.schema
    .createTable('activity')
    .addColumn('start_ms', 'bigint', (column) => column.primaryKey().notNull());
  for (const name of counts) {
    activity = activity.addColumn(name, 'bigint', (column) => column.notNull());
  }
  await activity.execute();
  await db.schema
    .createTable('recovery_drill')
    .addColumn('recipient', 'text', (column) => column.primaryKey().notNull())
    .addColumn('proven_ms', 'bigint', (column) => column.notNull())
    .addColumn('person', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('recovery_share')
    .addColumn('set_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('threshold', 'integer', (column) => column.notNull())
    .addColumn('holder', 'text', (column) => column.notNull())
    .addColumn('confirmed_ms', 'bigint')
    .addColumn('confirmed_by', 'text')
    .addPrimaryKeyConstraint('recovery_share_key', ['set_id', 'number'])
    .execute();
  await db.schema
    .createIndex('audit_event_by_request')
    .on('audit_event')
    .columns(['request', 'time_ms', 'seq'])
    .where(sql.ref('request'), 'is not', null)
    .execute();
  await db.schema.alterTable('rotation_job').addColumn('paused_by', 'text').execute();
}

/**
 * Creates the tables behind the views of the API: activity, drills, holders of shares. Lets people pause rotations
 * and find events by their request.
 */
export const apiState: Migration = { up };
