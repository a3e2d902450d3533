import { type Kysely, sql } from 'kysely';
import type { PendingRemoval, Removal, RemovalId } from '../../model/ledger.js';
import type { Schema } from '../schema.js';
import { isConfirmed } from './queries.js';
import { removedColumns, removedUnlessVersioned } from './replaced-versions.js';

/** Adds a removal that is about to begin. */
export async function insertRemoval(
  db: Kysely<Schema>,
  id: RemovalId,
  { ref, actor, versionId }: Removal,
  begunMs: number,
): Promise<void> {
  await db
    .insertInto('pending_removal')
    .values({
      id,
      bucket: ref.bucket,
      object_key: ref.key,
      version_id: versionId,
      actor,
      begun_ms: begunMs,
      last_seq: sql<number>`(select coalesce(max(seq), 0) from sealed_object)`,
    })
    .execute();
}

/** Returns the removals that were begun before the time, the oldest first. */
export async function selectRemovals(
  db: Kysely<Schema>,
  olderThanMs: number,
): Promise<readonly PendingRemoval[]> {
  const rows = await db
    .selectFrom('pending_removal')
    .select(['id', 'bucket', 'object_key', 'version_id', 'actor'])
    .where('begun_ms', '<', olderThanMs)
    .orderBy('begun_ms')
    .execute();
  return rows.map((row) => ({
    id: row.id as RemovalId,
    ref: { bucket: row.bucket, key: row.object_key },
    actor: row.actor,
    versionId: row.version_id,
  }));
}

/** Ends a removal. Marks the rows of its object if `goneMs`, the time of its end, is not null. */
export async function settleRemoval(db: Kysely<Schema>, id: RemovalId, goneMs: number | null): Promise<void> {
  const removal = await db
    .selectFrom('pending_removal')
    .select(['bucket', 'object_key', 'version_id', 'actor', 'last_seq'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (removal === undefined) return;
  if (goneMs !== null) {
    const rows = db
      .updateTable('sealed_object')
      .where('bucket', '=', removal.bucket)
      .where('object_key', '=', removal.object_key)
      .where('seq', '<=', removal.last_seq);
    const columns = removedColumns(goneMs, removal.actor);
    if (removal.version_id === null) {
      await rows
        .set({ ...columns, gone_ms: removedUnlessVersioned(goneMs) })
        .where(isConfirmed)
        .execute();
    } else {
      await rows
        .set({ ...columns, gone_ms: goneMs })
        .where('state', 'in', ['confirmed', 'removed'])
        .where(sql<boolean>`coalesce(version_id, 'null') = ${removal.version_id}`)
        .execute();
    }
  }
  await db.deleteFrom('pending_removal').where('id', '=', id).execute();
}
