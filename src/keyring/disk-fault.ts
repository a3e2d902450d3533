import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/**
 * Converts a file system error on reading a file of the keyring to `denied`, `invalid` (a directory) or
 * `unavailable`. Returns a Fault unchanged.
 */
export function readFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'EACCES', 'EPERM')) {
    return new Fault('denied', `${path}: permission denied; check its owner and permissions`, cause);
  }
  if (hasCode(error, 'EISDIR'))
    return new Fault('invalid', `${path}: it is a directory, not a key file`, cause);
  return new Fault('unavailable', `${path}: cannot be read${codeOf(error)}`, cause);
}

/**
 * Converts a file system error on writing a file to `denied`, `not-found` (its directory) or `unavailable`.
 * Returns a Fault unchanged.
 */
export function writeFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault(
      'denied',
      `${path}: permission denied for writing; check the owner and permissions of its directory`,
      cause,
    );
  }
  if (isAbsence(error)) return new Fault('not-found', `${path}: its directory does not exist`, cause);
  return new Fault('unavailable', `${path}: cannot be written${codeOf(error)}`, cause);
}

/** Reports whether other accounts have any permission in this mode. */
export function isOpenToOthers(mode: number): boolean {
  return (mode & 0o077) !== 0;
}

/** Returns the text of the problem that other accounts can open a file. `what` is the kind of file. */
export function openToOthers(path: string, mode: number, what: string): string {
  return `${path}: this ${what} is open to others (mode ${mode.toString(8).padStart(4, '0')}); run: chmod 600 ${path}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}
