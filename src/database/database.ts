import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.js';

/**
 * The gateway's database. Errors of the engine become faults: `unavailable` (locked, full, I/O error),
 * `corrupt`, `denied`, `bug`. Faults thrown by `work` pass through unchanged.
 */
export interface GatewayDatabase {
  /** Runs `work` on a snapshot that includes every finished write. */
  read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction, possibly shared with other writes. The write is durable when the call
   * resolves: it survives kill -9 and power loss. It is undone if `work` throws. `work` must wait for nothing
   * but the database.
   */
  write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Waits for running writes, then closes the database. */
  close(): Promise<void>;
}
