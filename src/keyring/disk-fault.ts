import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/** What the file system said of reading a file of the keyring. */
export function readFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'EACCES', 'EPERM')) {
    return new Fault(
      'denied',
      `${path}: the gateway may not read it; check its owner and permissions`,
      cause,
    );
  }
  if (hasCode(error, 'EISDIR'))
    return new Fault('invalid', `${path}: it is a directory, not a key file`, cause);
  return new Fault('unavailable', `${path}: it cannot be read${codeOf(error)}`, cause);
}

/** What the file system said of writing one. */
export function writeFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault(
      'denied',
      `${path}: it may not be written; check the owner and permissions of its directory`,
      cause,
    );
  }
  if (isAbsence(error)) return new Fault('not-found', `${path}: its directory is not there`, cause);
  return new Fault('unavailable', `${path}: it cannot be written${codeOf(error)}`, cause);
}

export function isOpenToOthers(mode: number): boolean {
  return (mode & 0o077) !== 0;
}

export function openToOthers(path: string, mode: number, what: string): string {
  return `${path}: this ${what} is open to others (mode ${mode.toString(8).padStart(4, '0')}); run: chmod 600 ${path}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}
