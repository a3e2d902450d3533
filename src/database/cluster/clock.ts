import { type Kysely, type RawBuilder, sql } from 'kysely';
import { engineOf } from '../engine.js';

/** How often a node shows the database that it runs, in milliseconds. */
export const heartbeatMs = 2_000;
/** A node that does not show itself for longer than this has a gap, in milliseconds. */
export const gapMs = 5_000;
/** A node that has not shown itself for this long is dead, in milliseconds. */
export const deadMs = 10_000;

/** Returns the clock of the database in SQL, in milliseconds. Only this one counts between nodes. */
export function databaseNow<DB>(db: Kysely<DB>): RawBuilder<number> {
  return engineOf(db) === 'postgres'
    ? sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`
    : sql<number>`cast(unixepoch('subsec') * 1000 as integer)`;
}

/** Reads the clock of the database, in milliseconds. */
export async function readDatabaseNow<DB>(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${databaseNow(db)} as now`.execute(db);
  return rows[0]?.now ?? 0;
}
