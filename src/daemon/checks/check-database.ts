import type { GatewayDatabase } from '../../database/database.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** Warns about settings of the database server that may cost acknowledged commits. Never rejects. */
export async function checkDatabase(
  call: Call,
  { database }: { readonly database: Pick<GatewayDatabase, 'weaknesses'> },
): Promise<void> {
  try {
    for (const { setting, value, consequence } of await database.weaknesses()) {
      call.log.warn('the database server may lose commits', { setting, value, consequence });
    }
  } catch (error) {
    call.log.error('the settings of the database server could not be read', { error: Fault.from(error) });
  }
}
