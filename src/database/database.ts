import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.js';

/**
 * The gateway's database. What an engine throws comes out as a fault: `unavailable` (locked, full, input or output failed),
 * `corrupt`, `denied`, `bug`; a fault thrown by `work` comes out as it is.
 */
export interface GatewayDatabase {
  /** Sees every write that has resolved. */
  read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction of its own or together with other writes of the moment. Durable when it resolves (it
   * survives kill -9 and power loss); undone when it throws. `work` waits for nothing but the database.
   */
  write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Waits for the writes under way. */
  close(): Promise<void>;
}
