import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import pg from 'pg';
import { Fault } from '../../model/fault.js';
import type { PostgresAddress } from './address.js';
import { isLostConnection } from './errors.js';
import { toStored, valueTypes } from './values.js';

/** How to reach a database, and the bounds of its use. */
export interface PostgresOptions {
  readonly address: PostgresAddress;
  /** Reads the password, for each new connection; null if there is none. */
  readonly password: () => Promise<string | null>;
  /** A PEM file with certificate authorities, instead of those of the system. */
  readonly caFile: string | null;
  /** Max connections, of which one writes. */
  readonly maxConnections: number;
  /** How long reads and writes wait for a lost connection, in milliseconds. */
  readonly waitMs: number;
  /** Max duration of a statement in milliseconds. */
  readonly statementTimeoutMs: number;
}

/** Max time in milliseconds for a new connection, with its login. */
const connectTimeoutMs = 5_000;
/** Max wait in milliseconds for a lock, as of the one transaction that writes. */
export const lockTimeoutMs = 5_000;
/**
 * Max pause of a process within a transaction, in milliseconds. Then the server ends the connection, so that a process
 * that is paused or cut off gives back the lock of the transaction that writes before others stop waiting for it.
 */
const idleTransactionMs = 3_000;
/** How long after the server's own limit the client stops waiting, in milliseconds. The network may be cut. */
const networkGraceMs = 2_000;
/** After this time without a packet the kernel asks the server whether it is still there, in milliseconds. */
const keepAliveMs = 10_000;
/** Max prepared statements of a connection. The gateway has a few dozen. */
const maxPreparedStatements = 200;

/** Returns the options of a connection. No variable such as PGPASSWORD and no file such as .pgpass adds to them. */
export async function clientConfig(options: PostgresOptions): Promise<pg.ClientConfig> {
  const { host, port, database, user, isTls } = options.address;
  const { statementTimeoutMs } = options;
  return {
    host,
    port,
    database,
    user,
    password: async () => {
      const password = await options.password();
      if (password !== null && password !== '') return password;
      throw new Fault(
        'denied',
        `the database server asks for the password of ${user}: set database.password.file`,
      );
    },
    ssl: isTls ? await tlsOptions(host, options.caFile) : false,
    application_name: 'sftpgw',
    client_encoding: 'UTF8',
    types: valueTypes,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    lock_timeout: Math.min(lockTimeoutMs, statementTimeoutMs),
    idle_in_transaction_session_timeout: Math.min(idleTransactionMs, statementTimeoutMs),
    query_timeout: statementTimeoutMs + networkGraceMs,
  };
}

async function tlsOptions(host: string, caFile: string | null): Promise<ConnectionOptions> {
  let ca: string | undefined;
  try {
    if (caFile !== null) ca = await readFile(caFile, 'utf8');
  } catch (error) {
    throw new Fault('invalid', `cannot read database.ca.file ${caFile}`, { cause: error });
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // The name is checked for addresses too, for which there is no server name in the handshake.
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  };
}

/**
 * A client that closes its socket when it cannot connect or log in. pg leaves the socket open, for example without a
 * password, and a command would wait a minute for the server's end.
 */
export class GatewayClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.connection.on('error', () => this.connection.stream.destroy());
  }
}

/** The names of prepared statements, which are the same on all connections. */
const statementNames = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = statementNames.get(text);
  if (known !== undefined || statementNames.size >= maxPreparedStatements) return known;
  const name = `s${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

/** Runs a compiled query on a client of pg. */
export async function runQuery<R>(client: pg.ClientBase, query: CompiledQuery): Promise<QueryResult<R>> {
  const name = query.parameters.length === 0 ? undefined : nameOf(query.sql);
  const { command, rowCount, rows } = await client.query<Record<string, unknown>>({
    ...(name === undefined ? {} : { name }),
    text: query.sql,
    values: query.parameters.map(toStored),
  });
  const isChange = /^(?:INSERT|UPDATE|DELETE)$/.test(command);
  return { rows: rows as R[], ...(isChange ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) };
}

/** A connection of the pool for one query after another. */
export class PooledConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient;
  #isBroken = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      return await runQuery<R>(this.#client, query);
    } catch (error) {
      if (isLostConnection(error)) this.#isBroken = true;
      throw error;
    }
  }

  // biome-ignore lint/correctness/useYield: the interface of Kysely
  async *streamQuery<R>(): AsyncGenerator<QueryResult<R>> {
    throw new Fault('bug', 'queries are not streamed');
  }

  release(): void {
    this.#client.release(this.#isBroken);
  }
}
