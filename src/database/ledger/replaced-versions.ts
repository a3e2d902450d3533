import type { Kysely, RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { ObjectRef } from '../../model/object-store.js';
import type { SealedObjectTable } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { Statement } from '../statement.js';
import { isConfirmed } from './queries.js';

/** Returns the changes to a row whose object was removed. */
export function removedColumns(
  removedMs: number,
  actor: string,
): Pick<SealedObjectTable, 'state' | 'is_current' | 'removed_ms' | 'removed_by'> {
  return { state: 'removed', is_current: 0, removed_ms: removedMs, removed_by: actor };
}

/**
 * Keeps versioned rows: with versioning a removal adds a marker, and the object stays as an older version.
 */
export function removedUnlessVersioned(goneMs: number): RawBuilder<number | null> {
  return sql<
    number | null
  >`case when coalesce(version_id, 'null') = 'null' then coalesce(gone_ms, ${goneMs}) else gone_ms end`;
}

/**
 * Marks the rows that a write without versioning replaces: those confirmed before row `seq` was intended.
 * Keeps rows of overlapping writes, because S3 may have kept either.
 */
export async function markReplaced(
  db: Kysely<Schema>,
  ref: ObjectRef,
  seq: number,
  goneMs: number,
): Promise<void> {
  await setGone.run(db, { bucket: ref.bucket, key: ref.key, seq, goneMs });
}

const setGone = new Statement(
  (
    db,
    row: { readonly bucket: string; readonly key: string; readonly seq: number; readonly goneMs: number },
  ) =>
    db
      .updateTable('sealed_object')
      .set({ gone_ms: row.goneMs })
      .where('bucket', '=', row.bucket)
      .where('object_key', '=', row.key)
      .where(isConfirmed)
      .where('settled_seq', '<', row.seq)
      .where('gone_ms', 'is', null)
      .where(sql<boolean>`coalesce(version_id, 'null') = 'null'`),
);
