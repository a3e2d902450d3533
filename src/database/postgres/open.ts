import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, type Transaction } from 'kysely';
import pg from 'pg';
import type { Fault } from '../../model/fault.js';
import { type Measures, noMeasures } from '../../model/measures.js';
import { leave, type WriterIdentity } from '../cluster/writers.js';
import type { DatabaseWeakness, GatewayDatabase, RowOwner, WrittenSoon } from '../database.js';
import { GroupCommit, systemTiming } from '../group-commit.js';
import { isMigrated, migrateToLatest } from '../migrate.js';
import type { Schema } from '../schema.js';
import { nameOfDatabase } from './address.js';
import { clientConfig, GatewayClient, type PostgresOptions } from './connection.js';
import { GatewayDialect, PoolDriver } from './dialect.js';
import { postgresFault } from './errors.js';
import { PostgresHints } from './hints.js';
import { Lease } from './lease.js';
import { persist } from './persist.js';
import { requireSupported, weaknessesOf } from './server-settings.js';
import { WriteSession } from './write-session.js';
import { PostgresWriter } from './writer.js';

/** A connection that is not used for this long is closed, in milliseconds. */
const idleConnectionMs = 60_000;

/**
 * Opens a PostgreSQL database and migrates its tables. Waits for a server that does not answer, for
 * `options.waitMs`. A gateway takes the database for
 * itself, or shares it with others. Throws `conflict` (another gateway has it),
 * `unsupported` (created by a newer version, or an old server), `denied`, `not-found` and `unavailable`.
 */
export async function openPostgres(
  options: PostgresOptions,
  identity: WriterIdentity,
  measures: Pick<Measures, 'databaseCommit'> = noMeasures,
): Promise<GatewayDatabase> {
  const name = nameOfDatabase(options.address);
  const stop = new AbortController();
  try {
    const config = await clientConfig(options);
    const db = readingDatabase(config, options);
    try {
      await persist(options.waitMs, stop.signal, async () => {
        await requireSupported(db, name);
        if (!(await isMigrated(db, `the ${name}`))) await migrate(config, name);
      });
      const lease = await Lease.take(db, identity, name);
      return new PostgresDatabase({ db, options, identity, lease, measures, stop, name });
    } catch (error) {
      await db.destroy();
      throw error;
    }
  } catch (error) {
    throw postgresFault(error, name);
  }
}

function readingDatabase(config: pg.ClientConfig, { maxConnections }: PostgresOptions): Kysely<Schema> {
  const pool = new pg.Pool({
    ...config,
    Client: GatewayClient,
    max: Math.max(1, maxConnections - 1),
    idleTimeoutMillis: idleConnectionMs,
  });
  // Each query reports the loss of its connection itself, and the pool replaces idle connections.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return new Kysely<Schema>({ dialect: new GatewayDialect(new PoolDriver(pool)) });
}

/** Migrates on a connection without a client's time limit, because an index of a large table takes minutes. */
async function migrate(config: pg.ClientConfig, name: string): Promise<void> {
  const pool = new pg.Pool({ ...config, Client: GatewayClient, max: 1, query_timeout: 0 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const db = new Kysely<Schema>({ dialect: new GatewayDialect(new PoolDriver(pool)) });
  try {
    await migrateToLatest(db, `the ${name}`);
  } finally {
    await db.destroy();
  }
}

interface Opened {
  readonly db: Kysely<Schema>;
  readonly options: PostgresOptions;
  readonly identity: WriterIdentity;
  readonly lease: Lease;
  readonly measures: Pick<Measures, 'databaseCommit'>;
  readonly stop: AbortController;
  readonly name: string;
}

class PostgresDatabase implements GatewayDatabase {
  readonly engine = 'postgres';
  readonly lost: Promise<Fault>;
  readonly owner: RowOwner | null;
  readonly hints: PostgresHints;
  readonly #opened: Opened;
  readonly #writer: PostgresWriter;
  readonly #commits: GroupCommit<Schema>;

  constructor(opened: Opened) {
    const { options, identity, lease, measures, stop, name } = opened;
    this.#opened = opened;
    this.lost = lease.lost;
    this.owner = identity.isClustered === true ? { node: identity.id, epoch: lease.epoch } : null;
    this.hints = new PostgresHints(() => clientConfig(options), identity.id, stop.signal);
    this.#writer = new PostgresWriter({
      identity,
      epoch: lease.epoch,
      config: () => clientConfig(options),
      waitMs: options.waitMs,
      signal: stop.signal,
      name,
      onTakenOver: (fault) => lease.lose(fault),
    });
    this.#commits = new GroupCommit(
      (work) => this.#writer.transact(work),
      systemTiming,
      (ms) => measures.databaseCommit(ms / 1000),
    );
  }

  async read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const { db, options, stop, name } = this.#opened;
    try {
      return await persist(options.waitMs, stop.signal, () => work(db));
    } catch (error) {
      throw postgresFault(error, name);
    }
  }

  async write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    try {
      return await this.#commits.write(work);
    } catch (error) {
      throw postgresFault(error, this.#opened.name);
    }
  }

  /** Waits for the commit, because reads use other connections. */
  async writeSoon(work: (trx: Transaction<Schema>) => Promise<void>): Promise<WrittenSoon> {
    await this.write(work);
    return { saved: Promise.resolve() };
  }

  async probe(signal: AbortSignal): Promise<void> {
    const { options, name } = this.#opened;
    try {
      const session = await WriteSession.connect(await clientConfig(options));
      const abort = (): void => session.drop();
      signal.addEventListener('abort', abort, { once: true });
      try {
        await session.probe();
      } finally {
        signal.removeEventListener('abort', abort);
        await session.close();
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : postgresFault(error, name);
    }
  }

  async weaknesses(): Promise<readonly DatabaseWeakness[]> {
    return await this.read(weaknessesOf);
  }

  async close(): Promise<void> {
    const { db, identity, lease, stop } = this.#opened;
    await this.#commits.idle();
    stop.abort();
    lease.stop();
    await leave(db, identity, lease.epoch).catch(() => undefined);
    await this.#writer.close();
    await Promise.race([db.destroy(), pause(closeTimeoutMs, undefined, { ref: false })]);
  }
}

/** Max wait in milliseconds for the end of the connections, when the server does not answer. */
const closeTimeoutMs = 2_000;
