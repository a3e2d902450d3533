import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { nodeIdOf, nodeNameOf } from '../audit/node-id.js';
import type { WriterIdentity } from '../database/cluster/writers.js';
import type { GatewayDatabase } from '../database/database.js';
import { isEmpty, refuseMoved } from '../database/move/move.js';
import { nameOfDatabase, type PostgresAddress, parseDatabaseUrl } from '../database/postgres/address.js';
import type { PostgresOptions } from '../database/postgres/connection.js';
import { openDatabase } from '../database/sqlite/open.js';
import { openSharedDatabase } from '../database/sqlite/shared.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { Measures } from '../model/measures.js';
import type { WorkerPlace } from '../model/nodes.js';
import type { LiveSettings } from './live-settings.js';
import { packageVersion } from './package.js';
import { systemEntropy } from './system.js';

/** The variable with the password of the database, for those who do not use a file. */
export const passwordVariable = 'SFTPGW_DATABASE_PASSWORD';

/** A command, or a gateway. `place` is null if it has one process. */
export type DatabaseUser = 'command' | { readonly place: WorkerPlace | null };

/**
 * Opens the database of a root, for its gateway or for a command. Throws `conflict` if another gateway has the
 * database, `invalid` (the password file or the certificate authorities) and the database's faults.
 */
export async function openRootDatabase(
  settings: LiveSettings,
  user: DatabaseUser,
  measures?: Pick<Measures, 'databaseCommit'>,
): Promise<GatewayDatabase> {
  const options = postgresOptionsOf(settings);
  if (options === null && settings.current.cluster) {
    throw new Fault('invalid', 'cluster=yes needs database.url: several gateways cannot share a file');
  }
  const database =
    options === null
      ? await openFileDatabase(settings, user, measures)
      : await openServerDatabase(settings, options, user, measures);
  try {
    await refuseMoved({ database, name: databaseNameOf(settings) });
    if (options !== null) await refuseForgotten(database, settings);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openFileDatabase(
  settings: LiveSettings,
  user: DatabaseUser,
  measures?: Pick<Measures, 'databaseCommit'>,
): Promise<GatewayDatabase> {
  const { databaseFile } = settings.paths;
  if (user === 'command' || user.place === null) return await openDatabase(databaseFile, measures);
  return await openSharedDatabase(databaseFile, gatewayIdentity(settings, user.place, true), measures);
}

/** Returns this process as a node. `isClustered` tells whether gateways of other roots may share the database. */
function gatewayIdentity(
  settings: LiveSettings,
  place: WorkerPlace | null,
  isClustered: boolean,
): WriterIdentity {
  return {
    kind: 'gateway',
    id: nodeIdOf(settings.paths.nodeIdFile, systemEntropy, place),
    host: nodeNameOf(place),
    isClustered: isClustered || place !== null,
    root: isClustered || place === null ? null : nodeIdOf(settings.paths.nodeIdFile, systemEntropy, null),
    version: packageVersion(),
  };
}

/** Throws `conflict` for an empty PostgreSQL database beside a file with data: its move was forgotten. */
async function refuseForgotten(database: GatewayDatabase, settings: LiveSettings): Promise<void> {
  const { databaseFile } = settings.paths;
  if (!(await isFile(databaseFile)) || !(await isEmpty(database))) return;
  const file = await openDatabase(databaseFile);
  try {
    if (await isEmpty(file)) return;
  } finally {
    await file.close();
  }
  throw new Fault(
    'conflict',
    `${databaseNameOf(settings)} is empty, but the file ${databaseFile} has data: stop the gateway and run ` +
      '`sftpgw database migrate --from sqlite --to postgres`, or remove the file to begin with an empty database',
  );
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Opens the database of `database.url`, which `options` describe. Shares it with other gateways if `isClustered`. */
export async function openServerDatabase(
  settings: LiveSettings,
  options: PostgresOptions,
  user: DatabaseUser,
  measures?: Pick<Measures, 'databaseCommit'>,
  isClustered = settings.current.cluster,
): Promise<GatewayDatabase> {
  // Loads the client of PostgreSQL only for a gateway that uses it.
  const { openPostgres } = await import('../database/postgres/open.js');
  const identity: WriterIdentity =
    user === 'command'
      ? { kind: user, id: systemEntropy.id(), host: hostname(), isClustered, version: packageVersion() }
      : gatewayIdentity(settings, user.place, isClustered);
  return await openPostgres(options, identity, measures);
}

/** Returns how to reach `database.url`; null if the gateway uses a file. */
export function postgresOptionsOf({ current }: LiveSettings): PostgresOptions | null {
  const address = addressOf(current.databaseUrl);
  if (address === null) return null;
  return {
    address,
    password: () => readPassword(current.databasePasswordFile),
    caFile: current.databaseCaFile,
    maxConnections: current.databaseConnections,
    waitMs: current.databaseWaitTimeoutMs,
    statementTimeoutMs: current.databaseStatementTimeoutMs,
  };
}

/** Names the database of a root, for people. */
export function databaseNameOf({ current, paths }: LiveSettings): string {
  const address = addressOf(current.databaseUrl);
  return address === null ? `the file ${paths.databaseFile}` : `the ${nameOfDatabase(address)}`;
}

function addressOf(url: string | null): PostgresAddress | null {
  if (url === null) return null;
  const parsed = parseDatabaseUrl(url);
  return 'value' in parsed ? parsed.value : null;
}

async function readPassword(file: string | null): Promise<string | null> {
  if (file === null) return process.env[passwordVariable] ?? null;
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new Fault('invalid', `cannot read database.password.file ${file}`, { cause: error });
  }
}
