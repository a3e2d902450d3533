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
  if (isDamage(code)) {
    return new Fault(
      'corrupt',
      `the database ${path} is damaged; stop the gateway and restore it from a backup, or move it away with its ` +
        '-wal and -shm files and run: sftpgw ledger rebuild',
      cause,
    );
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

/** Reports whether the content of the file is wrong, as opposed to a disk that cannot be read. */
export function isDamage(code: string): boolean {
  return ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ', 'SQLITE_IOERR_CORRUPTFS'].some(
    (prefix) => code.startsWith(prefix),
  );
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
