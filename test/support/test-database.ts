import { randomBytes } from 'node:crypto';
import type { WriterIdentity } from '../../src/database/cluster/writers.js';
import type { DatabaseEngine, GatewayDatabase } from '../../src/database/database.js';
import { openPostgres } from '../../src/database/postgres/open.js';
import { openDatabase } from '../../src/database/sqlite/open.js';
import { PostgresServer } from './postgres-server.js';

/** The engine of this run: `SFTPGW_TEST_DATABASE`. The system tests have no part of their own over PostgreSQL. */
export const testEngine: DatabaseEngine =
  process.env['SFTPGW_TEST_DATABASE'] === 'postgres' ? 'postgres' : 'sqlite';

/** Returns the identity of a command that writes. */
export function commandIdentity(): WriterIdentity {
  return { kind: 'command', id: randomBytes(8).toString('hex'), host: 'test' };
}

interface Shared {
  readonly server: PostgresServer;
  /** A database with all tables. Copying it is faster than migrating. */
  readonly template: string;
  readonly databases: Map<string, Promise<string>>;
}

/** Test files that share a process share the server, which ends with the process. */
const shared = globalThis as typeof globalThis & { sharedPostgres?: Promise<Shared> };

function sharedServer(): Promise<Shared> {
  shared.sharedPostgres ??= (async () => {
    const server = await PostgresServer.start();
    const template = await server.createDatabase();
    await (await openPostgres(server.options(template), commandIdentity())).close();
    return { server, template, databases: new Map() };
  })();
  return shared.sharedPostgres;
}

/** Returns the PostgreSQL server of this process. */
export async function sharedPostgres(): Promise<PostgresServer> {
  return (await sharedServer()).server;
}

/** Creates a database on the server of this process and returns the variables of a gateway that uses it. */
export async function sharedDatabase(): Promise<NodeJS.ProcessEnv> {
  const { server, template } = await sharedServer();
  const url = server.url(await server.createDatabase(template));
  return { SFTPGW_DATABASE_URL: url, SFTPGW_DATABASE_PASSWORD: server.password };
}

/**
 * Opens the database of this path in the engine of this run. With PostgreSQL the path is a name for a database, which
 * is created at the first call.
 */
export async function openTestDatabase(path: string): Promise<GatewayDatabase> {
  if (testEngine === 'sqlite') return await openDatabase(path);
  const { server, template, databases } = await sharedServer();
  const name = databases.get(path) ?? server.createDatabase(template);
  databases.set(path, name);
  return await openPostgres(server.options(await name), commandIdentity());
}
