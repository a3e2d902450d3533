import Sqlite from 'better-sqlite3';
import { Fault } from '../../model/fault.js';
import { sqliteFault } from './errors.js';

/** A lock that this process holds until it releases it or ends. */
export interface ProcessLock {
  release(): void;
}

/**
 * Takes an exclusive lock on a file for this process. The lock is SQLite's exclusive lock, which the kernel
 * drops however the process ends (https://www.sqlite.org/lockingv3.html), so a crash leaves nothing to clean
 * up. Throws `conflict` with the text `inUse` if another process, or this one, has the lock already.
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
