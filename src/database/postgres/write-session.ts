import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type pg from 'pg';
import { Fault } from '../../model/fault.js';
import { writeLock } from '../cluster/writers.js';
import { GatewayClient, runQuery } from './connection.js';

/** Statements whose result no caller needs. They travel with the statement behind them. */
const controlStatement = /^(?:rollback to |release )?savepoint \w+$/;
/** SQLSTATE in_failed_sql_transaction: an earlier statement has failed. */
const transactionFailed = '25P02';

/**
 * The connection that writes. Statements are sent without waiting for the answers of the ones before, so that a
 * transaction costs few round trips. PostgreSQL runs them in order, and none after one that failed.
 */
export class WriteSession implements DatabaseConnection {
  readonly #client: pg.Client;
  /** The first error of a statement that no caller waits for. */
  #firstError: unknown = null;
  /** The error of the statements that began the transaction. No savepoint undoes it. */
  #beginError: unknown = null;
  #begun: Promise<boolean> = Promise.resolve(true);

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Connects. Throws the errors of pg. */
  static async connect(config: pg.ClientConfig): Promise<WriteSession> {
    const client = new GatewayClient({ ...config, pipeline: true });
    // Each query reports the loss of the connection itself.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      client.connection.stream.destroy();
      throw error;
    }
    const session = new WriteSession(client);
    // A server may be configured to report commits that are not durable yet.
    session.#send(
      "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
    );
    return session;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (controlStatement.test(query.sql)) {
      if (query.sql.startsWith('rollback to ')) this.#firstError = this.#beginError;
      this.#send(query.sql);
      return { rows: [] };
    }
    try {
      return await runQuery<R>(this.#client, query);
    } catch (error) {
      throw this.#causeOf(error);
    }
  }

  // biome-ignore lint/correctness/useYield: the interface of Kysely
  async *streamQuery<R>(): AsyncGenerator<QueryResult<R>> {
    throw new Fault('bug', 'queries are not streamed');
  }

  /** Sends the statements that begin a transaction. */
  begin(statements: string): void {
    this.#firstError = null;
    this.#beginError = null;
    this.#begun = this.#client.query(statements).then(
      (results) => rowCountOf(results) > 0,
      (error: unknown) => {
        this.#beginError = error;
        this.#firstError ??= error;
        return true;
      },
    );
  }

  /** Returns false if the last of the statements that began the transaction changed no row. */
  async isOwn(): Promise<boolean> {
    const isOwn = await this.#begun;
    if (this.#firstError !== null) throw this.#firstError;
    return isOwn;
  }

  /** Commits. Throws if PostgreSQL has rolled back instead, and the error of a lost connection. */
  async commit(): Promise<void> {
    const { command } = await this.#client.query('commit');
    if (command === 'COMMIT') return;
    throw this.#firstError ?? new Fault('bug', 'the database undid a transaction without an error');
  }

  async rollback(): Promise<void> {
    await this.#client.query('rollback');
  }

  /** Takes the lock of the transaction that writes, reads, and undoes both. Throws the errors of pg. */
  async probe(): Promise<void> {
    this.begin(`begin; select pg_advisory_xact_lock(${writeLock}); select count(*) from database_writer`);
    await this.isOwn();
    await this.rollback();
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /** Ends the connection without a word to the server. */
  drop(): void {
    this.#client.connection.stream.destroy();
  }

  #send(statement: string): void {
    this.#client.query(statement).catch((error: unknown) => {
      this.#firstError ??= error;
    });
  }

  #causeOf(error: unknown): unknown {
    const isConsequence = error instanceof Error && 'code' in error && error.code === transactionFailed;
    return isConsequence ? (this.#firstError ?? error) : error;
  }
}

/** Returns the changed rows of the last of several statements, whose results pg returns as an array. */
function rowCountOf(results: pg.QueryResult | readonly pg.QueryResult[]): number {
  const all: readonly pg.QueryResult[] = Array.isArray(results) ? results : [results as pg.QueryResult];
  return all.at(-1)?.rowCount ?? 0;
}
