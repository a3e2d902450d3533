import type { GatewayDatabase } from './database.js';

/**
 * Begins and commits a write that changes nothing, on the connection of the gateway, which may be unusable
 * although the file is intact again. Throws the database's faults.
 */
export async function checkWritable(database: Pick<GatewayDatabase, 'write'>): Promise<void> {
  await database.write((trx) =>
    trx.updateTable('audit_chain').set({ id: 1 }).where('id', '=', -1).executeTakeFirst(),
  );
}
