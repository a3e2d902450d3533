import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** Thrown when another server, in this process or another, has the directory. */
export class DirectoryInUse extends Error {
  constructor(directory: string) {
    super(
      `another embedded S3 server is using ${directory}: stop it first, or give this one a directory of its own`,
    );
    this.name = 'DirectoryInUse';
  }
}

export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the directory for this server. The lock is SQLite's exclusive lock on a file of its own, which the kernel
 * drops when the process ends in whatever way (https://www.sqlite.org/lockingv3.html), so a crash leaves nothing
 * to clean up. Throws `DirectoryInUse`.
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
