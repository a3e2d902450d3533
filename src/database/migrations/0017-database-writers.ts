import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { engineOf } from '../engine.js';
import { beginning } from '../indexed-text.js';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('database_writer')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('last_commit', 'text')
    .addColumn('started_ms', 'bigint', (column) => column.notNull())
    .addColumn('seen_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
  if (engineOf(db) === 'sqlite') return;
  // The number of an inode may need 64 bits. SQLite stores it as a floating-point number.
  await sql`alter table mirror_entry alter column inode type double precision`.execute(db);
  // An entry of an index has a third of a page or less, and a text of an event may have 12 KiB.
  for (const column of ['actor', 'target', 'key_id', 'session', 'request']) {
    const index = `audit_event_by_${column === 'key_id' ? 'key' : column}`;
    await db.schema.dropIndex(index).execute();
    await sql`create index ${sql.ref(index)} on audit_event (${beginning(sql.ref(column))}, time_ms, seq)
      where ${sql.ref(column)} is not null`.execute(db);
  }
  await db.schema.dropIndex('webhook_delivery_by_subject').execute();
  await sql`create index webhook_delivery_by_subject on webhook_delivery
    (webhook_id, state, ${beginning(sql.ref('subject'))}, audit_seq)`.execute(db);
}

/** Adds the processes that write to the database, and the forms of PostgreSQL. */
export const databaseWriters: Migration = { up };
