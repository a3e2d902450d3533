import type { GatewayDatabase } from '../database/database.js';
import type { Check } from './check.js';

/** Checks that the database server keeps commits. */
export function databaseCheck(database: Pick<GatewayDatabase, 'weaknesses'>): Check {
  return {
    name: 'database',
    run: async () =>
      (await database.weaknesses()).map(({ setting, value, consequence }) => ({
        code: 'database-unsafe',
        severity: setting === 'synchronous_commit' ? 'notice' : 'error',
        subject: 'gateway',
        what: `The database server has ${setting}=${value}.`,
        why: consequence,
        whatToDo: `Set ${setting} = on in postgresql.conf and restart the server.`,
      })),
  };
}
