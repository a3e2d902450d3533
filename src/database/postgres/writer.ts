import { randomUUID } from 'node:crypto';
import { type DatabaseConnection, type Driver, Kysely, type Transaction } from 'kysely';
import type pg from 'pg';
import { Fault } from '../../model/fault.js';
import {
  addCommand,
  beginStatements,
  takenOver,
  type WriterIdentity,
  writeLock,
} from '../cluster/writers.js';
import type { Schema } from '../schema.js';
import { GatewayDialect } from './dialect.js';
import { isLostConnection } from './errors.js';
import { persist } from './persist.js';
import { WriteSession } from './write-session.js';

/** The settings and callbacks of a writer. */
export interface WriterOptions {
  readonly identity: WriterIdentity;
  /** The epoch of the gateway's lease; 0 for a command. */
  readonly epoch: number;
  /** Returns the options of a new connection. */
  readonly config: () => Promise<pg.ClientConfig>;
  /** How long a transaction waits for a lost connection, in milliseconds. */
  readonly waitMs: number;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** The database in errors. */
  readonly name: string;
  /** Called when another gateway has taken over the database. */
  readonly onTakenOver: (fault: Fault) => void;
}

/**
 * The one connection that writes, made again after a loss. A transaction whose COMMIT got no answer is looked up
 * by its mark: see `docs/decisions/0026-postgresql.md`. Transactions must not run in parallel.
 */
export class PostgresWriter {
  readonly #options: WriterOptions;
  readonly #db: Kysely<Schema>;
  #session: WriteSession | null = null;
  #isRegistered = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#isRegistered = options.identity.kind === 'gateway' || options.identity.isClustered === true;
    this.#db = new Kysely<Schema>({ dialect: new GatewayDialect(new SessionDriver(() => this.#current())) });
  }

  /**
   * Runs work in a transaction and commits it. Runs it again after a loss of the connection, unless the
   * transaction was committed. Throws the errors of pg, `conflict` if another gateway has taken over, and
   * `unavailable` if the outcome of the commit stays unknown.
   */
  async transact<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    const { waitMs, signal } = this.#options;
    return await persist(waitMs, signal, () => this.#transactOnce(work));
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = null;
  }

  async #transactOnce<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    const session = await this.#connected();
    const token = randomUUID();
    session.begin(beginStatements(this.#options.identity.id, this.#options.epoch, token));
    let result: T;
    try {
      // The session is the transaction: it has no other user, and sends statements without waiting.
      result = await work(this.#db as Transaction<Schema>);
      if (!(await session.isOwn())) throw this.#takenOver();
    } catch (error) {
      await this.#undo(session, error);
      throw error;
    }
    try {
      await session.commit();
      return result;
    } catch (error) {
      if (!isLostConnection(error)) {
        await this.#undo(session, error);
        throw error;
      }
      this.#drop(session);
      if (await this.#wasCommitted(token)) return result;
      throw error;
    }
  }

  /**
   * Finds out whether the transaction with this mark was committed. The lock shows that the server has ended it.
   * Throws `unavailable` if the server does not answer in time.
   */
  async #wasCommitted(token: string): Promise<boolean> {
    const { waitMs, signal, identity, name } = this.#options;
    try {
      return await persist(waitMs, signal, async () => {
        const session = await this.#connected();
        try {
          session.begin(`begin; select pg_advisory_xact_lock(${writeLock})`);
          const row = await this.#db
            .selectFrom('database_writer')
            .select('last_commit')
            .where('id', '=', identity.id)
            .executeTakeFirst();
          await session.commit();
          return row?.last_commit === token;
        } catch (error) {
          this.#drop(session);
          throw error;
        }
      });
    } catch (error) {
      const text = `the connection to the ${name} was lost during a commit, which may have succeeded`;
      throw new Fault('unavailable', text, { cause: error });
    }
  }

  async #connected(): Promise<WriteSession> {
    this.#session ??= await WriteSession.connect(await this.#options.config());
    if (!this.#isRegistered) {
      await this.#orDrop(this.#session, () => addCommand(this.#db, this.#options.identity));
      this.#isRegistered = true;
    }
    return this.#session;
  }

  async #orDrop<T>(session: WriteSession, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#drop(session);
      throw error;
    }
  }

  async #undo(session: WriteSession, error: unknown): Promise<void> {
    if (isLostConnection(error)) this.#drop(session);
    else await session.rollback().catch(() => this.#drop(session));
  }

  #takenOver(): Fault {
    const fault = takenOver(this.#options.name, this.#options.identity);
    this.#options.onTakenOver(fault);
    return fault;
  }

  #drop(session: WriteSession): void {
    session.drop();
    if (this.#session === session) this.#session = null;
  }

  #current(): WriteSession {
    if (this.#session === null) throw new Fault('bug', 'a statement outside of a transaction');
    return this.#session;
  }
}

/** Runs all statements on the current session, which does not make them wait for each other. */
class SessionDriver implements Driver {
  readonly #session: () => WriteSession;

  constructor(session: () => WriteSession) {
    this.#session = session;
  }

  async init(): Promise<void> {
    // The writer connects.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#session();
  }

  async beginTransaction(): Promise<void> {
    throw new Fault('bug', 'the writer begins transactions itself');
  }

  async commitTransaction(): Promise<void> {
    throw new Fault('bug', 'the writer commits itself');
  }

  async rollbackTransaction(): Promise<void> {
    throw new Fault('bug', 'the writer rolls back itself');
  }

  async releaseConnection(): Promise<void> {
    // The session stays.
  }

  async destroy(): Promise<void> {
    // The writer closes the session.
  }
}
