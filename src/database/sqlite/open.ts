import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Kysely, type Transaction } from 'kysely';
import { Fault } from '../../model/fault.js';
import { type Measures, noMeasures } from '../../model/measures.js';
import type { DatabaseWeakness, GatewayDatabase, WrittenSoon } from '../database.js';
import { GroupCommit, systemTiming } from '../group-commit.js';
import { migrateToLatest } from '../migrate.js';
import type { Schema } from '../schema.js';
import { BetterSqliteDialect } from './dialect.js';
import { sqliteFault } from './errors.js';
import { LogFile, type SyncFile } from './log-file.js';
import { probeDatabase } from './probe.js';

/** Max time in milliseconds that a statement waits for another process to release the write lock. */
export const busyTimeoutMs = 5000;

/**
 * Opens the SQLite database at `path` and migrates its tables. Creates the file (mode 0600, in a directory
 * with mode 0700) if it is missing. Commits are on disk before they resolve. Throws `unsupported` (created by
 * a newer version), `unavailable` (cannot be opened, or the native add-on cannot be loaded), `denied` and
 * `corrupt`. `measures` counts commits.
 */
export async function openDatabase(
  path: string,
  measures: Pick<Measures, 'databaseCommit'> = noMeasures,
  sync?: SyncFile,
): Promise<GatewayDatabase> {
  return new SqliteDatabase(await openFile(path), path, measures, new LogFile(path, sync));
}

/**
 * Opens the file for `openDatabase`. Statements wait for up to `lockWaitMs` for a lock of another process, and block the
 * thread meanwhile. Migrations always wait. A commit is durable only after
 * `LogFile.sync`.
 */
export async function openFile(path: string, lockWaitMs = busyTimeoutMs): Promise<Kysely<Schema>> {
  try {
    await makeSecretFile(path);
    const sqlite = new Sqlite(path, { timeout: busyTimeoutMs });
    const db = new Kysely<Schema>({ dialect: new BetterSqliteDialect(sqlite) });
    try {
      configure(sqlite, path);
      await migrateToLatest(db, path);
      sqlite.pragma('synchronous = NORMAL');
      sqlite.pragma(`busy_timeout = ${lockWaitMs}`);
    } catch (error) {
      await db.destroy();
      sqlite.close();
      throw error;
    }
    return db;
  } catch (error) {
    throw sqliteFault(error, path);
  }
}

function configure(sqlite: Sqlite.Database, path: string): void {
  const mode = sqlite.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') {
    throw new Fault(
      'unavailable',
      `the database ${path} cannot use a write-ahead log (journal mode ${String(mode)}); move it to a local disk`,
    );
  }
  // FULL syncs the log at every commit. With NORMAL, `LogFile` does so in another thread.
  sqlite.pragma('synchronous = FULL');
  // On macOS, fsync(2) alone does not reach the platters. No effect on other systems.
  sqlite.pragma('fullfsync = ON');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma('trusted_schema = OFF');
  // The journal of a statement or a savepoint of many rows would be a file in /var/tmp otherwise.
  sqlite.pragma('temp_store = MEMORY');
  // After a long read, the log shrinks to this size at the next checkpoint.
  sqlite.pragma(`journal_size_limit = ${64 * 1024 * 1024}`);
}

/**
 * Creates the database file with its final mode, because SQLite gives its log and shared memory the same
 * mode. If root creates it in another user's directory, it belongs to that user: the gateway may run as them.
 */
async function makeSecretFile(path: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.chmod(0o600);
      const { uid, gid } = await stat(directory);
      if (process.getuid?.() === 0 && uid !== 0) await handle.chown(uid, gid);
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Does not open an existing file: closing it would drop the locks that this process holds on it
    // (fcntl(2)).
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    await chmod(path, 0o600);
  }
}

class SqliteDatabase implements GatewayDatabase {
  readonly engine = 'sqlite';
  readonly owner = null;
  /** The lock of the root keeps other gateways away from the file. */
  readonly lost = new Promise<never>(() => undefined);
  readonly #db: Kysely<Schema>;
  readonly #path: string;
  readonly #commits: GroupCommit<Schema>;
  readonly #log: LogFile;

  constructor(db: Kysely<Schema>, path: string, measures: Pick<Measures, 'databaseCommit'>, log: LogFile) {
    this.#db = db;
    this.#path = path;
    this.#log = log;
    this.#commits = new GroupCommit(
      (work) => this.#transact(work),
      systemTiming,
      (ms) => measures.databaseCommit(ms / 1000),
    );
  }

  async #transact<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    this.#log.requireIntact();
    const done = await this.#db.transaction().execute(work);
    await this.#log.sync();
    return done;
  }

  async read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    try {
      const waiting = this.#commits.visible();
      if (waiting !== null) await waiting;
      return await work(this.#db);
    } catch (error) {
      throw sqliteFault(error, this.#path);
    }
  }

  async write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    try {
      return await this.#commits.write(work);
    } catch (error) {
      throw sqliteFault(error, this.#path);
    }
  }

  async writeSoon(work: (trx: Transaction<Schema>) => Promise<void>): Promise<WrittenSoon> {
    const saved = this.#commits.writeSoon(work).catch((error: unknown) => {
      throw sqliteFault(error, this.#path);
    });
    return { saved };
  }

  async probe(signal: AbortSignal): Promise<void> {
    await probeDatabase(this.#path, signal);
  }

  async weaknesses(): Promise<readonly DatabaseWeakness[]> {
    return [];
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    this.#log.close();
    await this.#db.destroy();
  }
}
