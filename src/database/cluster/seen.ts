import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Schema } from '../schema.js';
import { databaseNow, deadMs } from './clock.js';

/** Selects rows whose process is live and has shown itself in the last ten seconds. */
export function isSeen(db: Kysely<Schema>, table: 'node_session' | 'sealed_object'): RawBuilder<SqlBool> {
  return sql<SqlBool>`exists (
    select 1 from database_writer as seen
    where seen.id = ${sql.ref(`${table}.node`)}
      and seen.epoch = ${sql.ref(`${table}.node_epoch`)}
      and seen.state = 'live'
      and seen.seen_ms >= ${databaseNow(db)} - ${sql.lit(deadMs)})`;
}
