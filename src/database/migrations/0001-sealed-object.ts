import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sealed_object')
    .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('bucket', 'text', (column) => column.notNull())
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('parent_prefix', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) =>
      column.notNull().check(sql`state in ('intended', 'confirmed', 'abandoned', 'removed')`),
    )
    .addColumn('is_current', 'integer', (column) =>
      column.notNull().check(sql`is_current = 0 or (is_current = 1 and state = 'confirmed')`),
    )
    .addColumn('sealed_kind', 'text', (column) =>
      column.notNull().check(sql`sealed_kind in ('sse-c', 'sse-s3', 'sse-kms', 'bucket-default')`),
    )
    .addColumn('key_fingerprint', 'text')
    .addColumn('key_md5', 'text')
    .addColumn('kms_key_arn', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('upload_id', 'text')
    .addColumn('size', 'bigint')
    .addColumn('crc32', 'bigint')
    .addColumn('etag', 'text')
    .addColumn('version_id', 'text')
    .addColumn('mtime_seconds', 'bigint')
    .addColumn('intended_ms', 'bigint', (column) => column.notNull())
    .addColumn('settled_ms', 'bigint')
    .addColumn('settled_seq', 'bigint')
    .addColumn('removed_ms', 'bigint')
    .addColumn('removed_by', 'text')
    .addCheckConstraint(
      'sse_c_names_its_key',
      sql`sealed_kind <> 'sse-c' or (key_fingerprint is not null and key_md5 is not null)`,
    )
    .addCheckConstraint(
      'confirmed_says_what',
      sql`state <> 'confirmed' or (size is not null and etag is not null and settled_seq is not null)`,
    )
    .execute();
  // Serves all writes of one object: its candidates, and the rows that an overwrite or a removal settles.
  await db.schema
    .createIndex('sealed_object_by_key')
    .on('sealed_object')
    .columns(['bucket', 'object_key', 'state', 'settled_seq'])
    .execute();
  // Unique, because an object has exactly one newest write.
  await db.schema
    .createIndex('sealed_object_current')
    .unique()
    .on('sealed_object')
    .columns(['bucket', 'parent_prefix', 'object_key'])
    .where(sql.ref('is_current'), '=', sql.lit(1))
    .execute();
  await db.schema
    .createIndex('sealed_object_pending')
    .on('sealed_object')
    .columns(['intended_ms', 'seq'])
    .where(sql.ref('state'), '=', sql.lit('intended'))
    .execute();
}

/** Creates the table of the ledger. */
export const sealedObject: Migration = { up };
