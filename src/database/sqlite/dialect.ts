import type BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';

/** Max time in milliseconds that a statement waits for another process to release a lock. */
export const busyTimeoutMs = 5_000;

/** Max prepared statements kept for reuse. The gateway has a few dozen. */
const maxPreparedStatements = 200;

/**
 * Kysely dialect for SQLite through better-sqlite3, on one connection. A transaction that finds the database locked by
 * another process waits for up to `lockWaitMs`, and blocks the thread meanwhile.
 */
export class BetterSqliteDialect extends SqliteDialect {
  readonly #database: BetterSqlite3.Database;
  readonly #lockWaitMs: number;

  constructor(database: BetterSqlite3.Database, lockWaitMs = busyTimeoutMs) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
    this.#lockWaitMs = lockWaitMs;
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.#database, this.#lockWaitMs);
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #database: BetterSqlite3.Database;
  readonly #lockWaitMs: number;

  constructor(database: BetterSqlite3.Database, lockWaitMs: number) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
    this.#lockWaitMs = lockWaitMs;
  }

  /**
   * Takes the write lock at once. A transaction that reads first and writes later fails without waiting if
   * another process has written in between (SQLITE_BUSY_SNAPSHOT, https://www.sqlite.org/isolation.html).
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const begin = () => connection.executeQuery(CompiledQuery.raw('begin immediate'));
    if (this.#lockWaitMs === busyTimeoutMs) return void (await begin());
    this.#database.pragma(`busy_timeout = ${this.#lockWaitMs}`);
    try {
      await begin();
    } finally {
      this.#database.pragma(`busy_timeout = ${busyTimeoutMs}`);
    }
  }

  /**
   * Skips the rollback if SQLite has done it already, as after some errors such as a full disk
   * (https://www.sqlite.org/lang_transaction.html).
   */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
  }
}

function withPreparedStatements(database: BetterSqlite3.Database): {
  close(): void;
  prepare(text: string): SqliteStatement;
} {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => {
      database.close();
    },
    prepare: (text) => {
      const known = prepared.get(text);
      if (known !== undefined) return known;
      const statement = database.prepare<unknown[]>(text);
      const wrapped: SqliteStatement = {
        reader: statement.reader,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
      if (prepared.size >= maxPreparedStatements) prepared.clear();
      prepared.set(text, wrapped);
      return wrapped;
    },
  };
}
