import { type Kysely, sql } from 'kysely';
import { engineOf } from '../engine.js';

/** The channel of hints to nodes in PostgreSQL. */
export const hintChannel = 'sftpgw_node';

/** The receiver of a hint to all nodes. */
export const everyNode = '*';

/**
 * Lets a node or `everyNode` know, once the transaction is committed, that it has a request or that a file has changed.
 * SQLite has no such messages.
 */
export async function hint<DB>(trx: Kysely<DB>, node: string): Promise<void> {
  if (engineOf(trx) !== 'postgres') return;
  await sql`select pg_notify(${sql.lit(hintChannel)}, ${node})`.execute(trx);
}
