import Sqlite from 'better-sqlite3';
import { Fault } from '../../model/fault.js';
import { sqliteFault } from './errors.js';

export interface ProcessLock {
  release(): void;
}

/**
 * Makes this process the only one that holds the file. The lock is SQLite's exclusive lock, which the kernel drops when
 * the process ends in whatever way (https://www.sqlite.org/lockingv3.html): a crash leaves nothing to clean up.
 * Throws `conflict` with `inUse` when another process, or this one, holds it already.
 */
export function acquireProcessLock(path: string, inUse: string): ProcessLock {
  let database: Sqlite.Database;
  try {
    database = new Sqlite(path, { timeout: 0 });
  } catch (error) {
    throw sqliteFault(error, path);
  }
  try {
    database.pragma('journal_mode = DELETE');
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new Fault('conflict', inUse);
    }
    throw sqliteFault(error, path);
  }
  return { release: () => void database.close() };
}
