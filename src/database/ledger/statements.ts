import { sql } from 'kysely';
import type { KeyFingerprint } from '../../model/customer-key.js';
import { Statement } from '../statement.js';
import { currentRow, intendedRows, isCurrent, overlappingRows } from './queries.js';
import { type ConfirmedColumns, type NewRow, newColumns } from './rows.js';

/** An object, with the key of its directory. */
export interface RowKey {
  readonly bucket: string;
  readonly parent: string;
  readonly key: string;
}

/** Inserts a row. */
export const insertRow = new Statement((db, row: NewRow) =>
  db
    .insertInto('sealed_object')
    .values(Object.fromEntries(newColumns.map((column) => [column, row[column]])) as NewRow),
);

/**
 * Selects whether a write of the object is confirmed or unfinished, and whether a key is barred (1 or 0). Without a key
 * the latter is 0.
 */
export const selectKnown = new Statement(
  (db, { bucket, key, keyId }: Omit<RowKey, 'parent'> & { readonly keyId: KeyFingerprint | null }) =>
    db.selectNoFrom([
      sql<number>`case when exists (select 1 from sealed_object where bucket = ${bucket} and object_key = ${key}
        and state in ('confirmed', 'intended')) then 1 else 0 end`.as('is_known'),
      sql<number>`case when exists (select 1 from barred_key where key_fingerprint = ${keyId}) then 1 else 0 end`.as(
        'is_barred',
      ),
    ]),
);

/** Selects a row by its id, and whether a write of its object is confirmed (1 or 0). */
export const selectRow = new Statement((db, { id }: { readonly id: string }) =>
  db
    .selectFrom('sealed_object as row')
    .select(['seq', 'bucket', 'object_key', 'state'])
    .select(
      sql<number>`case when exists (select 1 from sealed_object as other where other.bucket = row.bucket
        and other.object_key = row.object_key and other.state = 'confirmed') then 1 else 0 end`.as(
        'is_confirmed',
      ),
    )
    .where('id', '=', id),
);

/** Marks that no write of the object was confirmed last. */
export const unsetCurrent = new Statement((db, { bucket, parent, key }: RowKey) =>
  db
    .updateTable('sealed_object')
    .set({ is_current: 0 })
    .where('bucket', '=', bucket)
    .where('parent_prefix', '=', parent)
    .where('object_key', '=', key)
    .where(isCurrent),
);

/** Confirms a row. */
export const confirmRow = new Statement((db, row: ConfirmedColumns) =>
  db
    .updateTable('sealed_object')
    .set({
      state: 'confirmed',
      is_current: 1,
      size: row.size,
      checksum: row.checksum,
      checksum_algorithm: row.checksum_algorithm,
      etag: row.etag,
      version_id: row.version_id,
      mtime_seconds: row.mtime_seconds,
      settled_ms: row.settled_ms,
      settled_seq: sql<number>`(select max(seq) from sealed_object)`,
    })
    .where('seq', '=', row.seq),
);

/** Selects the row of an object that was confirmed last. */
export const selectCurrent = new Statement((db, { bucket, parent, key }: RowKey) =>
  currentRow(db, { bucket, key }, parent),
);

/** Selects the unfinished rows of an object. */
export const selectIntended = new Statement((db, { bucket, key }: Omit<RowKey, 'parent'>) =>
  intendedRows(db, { bucket, key }),
);

/** Selects the rows of an object that overlap with row `seq`: see `overlappingRows`. */
export const selectOverlapping = new Statement(
  (db, { bucket, key, seq }: Omit<RowKey, 'parent'> & { readonly seq: number }) =>
    overlappingRows(db, { bucket, key }, seq),
);
