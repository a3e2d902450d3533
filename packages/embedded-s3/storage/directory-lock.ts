import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** Thrown if another server, in this process or another, uses the directory. */
export class DirectoryInUse extends Error {
  constructor(directory: string) {
    super(`another embedded S3 server uses ${directory}: stop it, or use another directory`);
    this.name = 'DirectoryInUse';
  }
}

export interface DirectoryLock {
  release(): void;
}

/**
 * Locks the directory for this server. The lock is SQLite's exclusive lock on a separate file. The
 * kernel releases it when the process ends in any way (https://www.sqlite.org/lockingv3.html), so a
 * crash leaves nothing to clean up. Throws `DirectoryInUse`.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const database = new Sqlite(join(directory, 'lock'), { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new DirectoryInUse(directory);
    }
    throw error;
  }
  return { release: () => void database.close() };
}
