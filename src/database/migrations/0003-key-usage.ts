import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sealed_object').addColumn('gone_ms', 'bigint').execute();
  // Without versioning, removed and overwritten objects are gone. Their version is `null`.
  await sql`
    update sealed_object set gone_ms = coalesce(removed_ms, settled_ms)
    where coalesce(version_id, 'null') = 'null' and (
      state = 'removed' or (state = 'confirmed' and is_current = 0 and exists (
        select 1 from sealed_object as newer
        where newer.bucket = sealed_object.bucket and newer.object_key = sealed_object.object_key
          and newer.state = 'confirmed' and coalesce(newer.version_id, 'null') = 'null'
          and newer.seq > sealed_object.settled_seq
      ))
    )`.execute(db);
  // Contains every row that may still be in S3 and so needs its key. The columns after `seq` let the index
  // alone answer the totals of all keys.
  await sql`
    create index sealed_object_by_fingerprint
    on sealed_object (key_fingerprint, bucket, object_key, seq, size, state, gone_ms)
    where key_fingerprint is not null and gone_ms is null and state <> 'abandoned'`.execute(db);
  await db.schema
    .createTable('barred_key')
    .addColumn('key_fingerprint', 'text', (column) => column.primaryKey().notNull())
    .addColumn('barred_ms', 'bigint', (column) => column.notNull())
    .modifyEnd(sql`without rowid`)
    .execute();
}

/** Adds the index of key usage and the table of barred keys. */
export const keyUsage: Migration = { up };
