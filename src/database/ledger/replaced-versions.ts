import type { Kysely, RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { ObjectRef } from '../../model/object-store.js';
import type { Schema, SealedObjectTable } from '../schema.js';

/** What becomes of a row whose object was removed. */
export function removed(
  removedMs: number,
  actor: string,
): Pick<SealedObjectTable, 'state' | 'is_current' | 'removed_ms' | 'removed_by'> {
  return { state: 'removed', is_current: 0, removed_ms: removedMs, removed_by: actor };
}

/** With versioning a removal adds a marker, and what was there stays as an older version. */
export function removedUnlessVersioned(goneMs: number): RawBuilder<number | null> {
  return sql<
    number | null
  >`case when coalesce(version_id, 'null') = 'null' then coalesce(gone_ms, ${goneMs}) else gone_ms end`;
}

/**
 * Without versioning, a write takes the place of what was there: rows that were confirmed before the row `seq` was intended are
 * gone. Of writes that overlapped S3 may keep either, so they stay.
 */
export async function markReplaced(
  db: Kysely<Schema>,
  ref: ObjectRef,
  seq: number,
  goneMs: number,
): Promise<void> {
  await db
    .updateTable('sealed_object')
    .set({ gone_ms: goneMs })
    .where('bucket', '=', ref.bucket)
    .where('object_key', '=', ref.key)
    .where('state', '=', 'confirmed')
    .where('settled_seq', '<', seq)
    .where('gone_ms', 'is', null)
    .where(sql<boolean>`coalesce(version_id, 'null') = 'null'`)
    .execute();
}
