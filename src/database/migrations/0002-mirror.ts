import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('mirror_prefix')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('empty_seen_ms', 'bigint')
    .addColumn('status', 'text')
    .execute();
  // The primary key has the order of a listing: text is compared by its bytes in UTF-8.
  await db.schema
    .createTable('mirror_entry')
    .addColumn('prefix_id', 'integer', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('etag', 'text')
    .addColumn('size', 'bigint')
    .addColumn('last_modified_ms', 'bigint')
    .addColumn('key_fingerprint', 'text')
    .addColumn('inode', 'bigint')
    .addColumn('disk_size', 'bigint')
    .addColumn('disk_mtime_ms', 'double precision')
    .addColumn('refused_etag', 'text')
    .addColumn('refused_size', 'bigint')
    .addColumn('refused_keys', 'text')
    .addPrimaryKeyConstraint('mirror_entry_by_path', ['prefix_id', 'path'])
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Creates the tables of the mirror. */
export const mirror: Migration = { up };
