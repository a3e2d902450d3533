import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { isFault } from '../../model/fault.js';
import { sqliteFault } from './errors.js';

/** Attempts to get the write lock, which each commit of the gateway holds for a moment. */
const maxAttempts = 20;
const pauseMs = 100;

/**
 * Checks that the database at `path` can be opened, read and locked for writing. Uses a connection of its own,
 * because the gateway's has parts of the file in memory, and waits without blocking. Throws `unavailable`
 * (locked by another program), `corrupt` and `denied`. Rejects with the reason of `signal` when it aborts.
 */
export async function probeDatabase(path: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return probeOnce(path);
    } catch (error) {
      const fault = sqliteFault(error, path);
      if (!isFault(fault, 'unavailable') || attempt >= maxAttempts) throw fault;
      await pause(pauseMs, undefined, { signal });
    }
  }
}

function probeOnce(path: string): void {
  const sqlite = new Sqlite(path, { fileMustExist: true, timeout: 0 });
  try {
    sqlite.prepare('select count(*) from sqlite_master').get();
    sqlite.exec('begin immediate');
    sqlite.exec('rollback');
  } finally {
    sqlite.close();
  }
}
