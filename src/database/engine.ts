import { type Kysely, PostgresAdapter } from 'kysely';
import type { DatabaseEngine } from './database.js';

/** Returns the engine that runs the queries of `db`. */
export function engineOf<DB>(db: Kysely<DB>): DatabaseEngine {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite';
}
