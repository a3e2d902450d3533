import { type Kysely, sql } from 'kysely';
import { engineOf } from '../engine.js';

/** The channel of hints to nodes in PostgreSQL. */
export const hintChannel = 'sftpgw_node';

/** Lets a node know, once the transaction is committed, that it has a request. SQLite has no such messages. */
export async function hint<DB>(trx: Kysely<DB>, node: string): Promise<void> {
  if (engineOf(trx) !== 'postgres') return;
  await sql`select pg_notify(${sql.lit(hintChannel)}, ${node})`.execute(trx);
}
