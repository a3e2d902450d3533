import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ClusterNode } from '../../model/api/cluster.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import type { Schema } from '../schema.js';
import { databaseNow, deadMs, gapMs, readDatabaseNow } from './clock.js';

/** The tables whose rows have an owner. */
type OwnedTable = 'sealed_object' | 'job' | 'lease' | 'node_session';

/**
 * Selects rows whose owner can no longer write: it has ended, was declared dead, or started again with another epoch.
 * Rows without an owner are from a time when the database had one gateway, and count too.
 */
export function isOrphaned(table: OwnedTable): RawBuilder<SqlBool> {
  return sql<SqlBool>`not exists (
    select 1 from database_writer
    where database_writer.id = ${sql.ref(`${table}.node`)}
      and database_writer.epoch = ${sql.ref(`${table}.node_epoch`)}
      and database_writer.state = 'live')`;
}

/** Returns the columns of the process that owns a row; none if one gateway uses the database. */
export function ownerColumns(
  owner: RowOwner | null,
): { readonly node: string; readonly node_epoch: number } | Record<never, never> {
  return owner === null ? {} : { node: owner.node, node_epoch: owner.epoch };
}

/**
 * Declares the nodes and commands dead that have not shown themselves for ten seconds, and ends their epochs, so
 * that they can no longer write. Does nothing until the caller itself has shown itself without a gap for as long:
 * after an outage of the database, every node looks dead to the others. Call it in a transaction that holds the
 * write lock.
 */
export async function declareDead(trx: Kysely<Schema>, owner: RowOwner): Promise<void> {
  const before = sql<number>`${databaseNow(trx)} - ${sql.lit(deadMs)}`;
  const steady = await trx
    .selectFrom('database_writer')
    .select('id')
    .where('id', '=', owner.node)
    .where('epoch', '=', owner.epoch)
    .where('steady_ms', '<=', before)
    // The gap of an outage is recorded when the node shows itself again.
    .where('seen_ms', '>', sql<number>`${databaseNow(trx)} - ${sql.lit(gapMs)}`)
    .executeTakeFirst();
  if (steady === undefined) return;
  await trx
    .updateTable('database_writer')
    .set((eb) => ({ epoch: eb('epoch', '+', 1), state: 'dead' }))
    .where('state', '=', 'live')
    .where('is_clustered', '=', 1)
    .where('seen_ms', '<', before)
    .execute();
}

/** Returns whether a node or command is dead and was not declared dead yet. */
export async function isAnyUnseen(db: Kysely<Schema>): Promise<boolean> {
  const unseen = await db
    .selectFrom('database_writer')
    .select('id')
    .where('state', '=', 'live')
    .where('is_clustered', '=', 1)
    .where('seen_ms', '<', sql<number>`${databaseNow(db)} - ${sql.lit(deadMs)}`)
    .limit(1)
    .executeTakeFirst();
  return unseen !== undefined;
}

/** Returns the gateways that use the database or have used it, by name. Throws the database's faults. */
export async function listNodes(db: GatewayDatabase): Promise<readonly ClusterNode[]> {
  return await db.read(async (reader) => {
    const nowMs = await readDatabaseNow(reader);
    const rows = await reader
      .selectFrom('database_writer')
      .selectAll()
      .where('kind', '=', 'gateway')
      .orderBy('host')
      .orderBy('id')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      name: row.host,
      state: row.state !== 'live' ? row.state : nowMs - row.seen_ms < deadMs ? 'live' : 'dead',
      version: row.version,
      startedMs: row.started_ms,
      seenMs: row.seen_ms,
      agoMs: Math.max(0, nowMs - row.seen_ms),
    }));
  });
}
