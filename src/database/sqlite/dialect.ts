import type BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';

/** Max prepared statements kept for reuse. The gateway has a few dozen. */
const maxPreparedStatements = 200;

/** Kysely dialect for SQLite through better-sqlite3, on one connection. */
export class BetterSqliteDialect extends SqliteDialect {
  readonly #database: BetterSqlite3.Database;

  constructor(database: BetterSqlite3.Database) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.#database);
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #database: BetterSqlite3.Database;

  constructor(database: BetterSqlite3.Database) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
  }

  /**
   * Takes the write lock at once. A transaction that reads first and writes later fails without waiting if
   * another process has written in between (SQLITE_BUSY_SNAPSHOT, https://www.sqlite.org/isolation.html).
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
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
