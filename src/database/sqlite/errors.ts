import { Fault } from '../../model/fault.js';

/** Converts an error of better-sqlite3 into a fault that names the database. Returns faults unchanged. */
export function sqliteFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const is = (...prefixes: readonly string[]): boolean => prefixes.some((prefix) => code.startsWith(prefix));
  if (is('SQLITE_BUSY', 'SQLITE_LOCKED')) {
    return new Fault('unavailable', `the database ${path} is locked by another program; try again`, cause);
  }
  if (is('SQLITE_FULL', 'ENOSPC')) {
    return new Fault('unavailable', `no space left for the database ${path}; free space on its disk`, cause);
  }
  if (is('SQLITE_CORRUPT', 'SQLITE_NOTADB')) {
    return new Fault('corrupt', `${path} is damaged or not a database; restore it from a backup`, cause);
  }
  if (is('SQLITE_READONLY', 'SQLITE_PERM', 'SQLITE_AUTH', 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault('denied', `cannot write the database ${path}; check its owner and permissions`, cause);
  }
  if (is('SQLITE_CANTOPEN', 'SQLITE_IOERR', 'SQLITE_PROTOCOL', 'EIO')) {
    return new Fault('unavailable', `cannot open, read or write the database ${path} (${code})`, cause);
  }
  if (isLoadFailure(error, code)) {
    return new Fault(
      'unavailable',
      'the native part of better-sqlite3 cannot be loaded by this Node.js ' +
        `(${process.version}, ${process.platform} ${process.arch}): run "npm rebuild better-sqlite3" where the gateway is installed`,
      cause,
    );
  }
  return Fault.from(error);
}

/**
 * Reports whether the native add-on could not be loaded: dlopen failed (another Node.js, another libc), or
 * the `bindings` package found no file.
 */
function isLoadFailure(error: unknown, code: string): boolean {
  if (code === 'ERR_DLOPEN_FAILED') return true;
  return (
    error instanceof Error && /Could not locate the bindings file|better_sqlite3\.node/.test(error.message)
  );
}
