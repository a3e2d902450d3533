import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Adds the algorithm to checksums, which were all CRC-32 before. */
async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sealed_object').renameColumn('crc32', 'checksum').execute();
  // With a constant default, SQLite does not rewrite the rows: https://www.sqlite.org/lang_altertable.html
  await db.schema
    .alterTable('sealed_object')
    .addColumn('checksum_algorithm', 'text', (column) =>
      column.notNull().defaultTo('crc32').check(sql`checksum_algorithm in ('crc32', 'crc32c')`),
    )
    .execute();
}

/** Adds the algorithm of checksums. */
export const checksumAlgorithm: Migration = { up };
