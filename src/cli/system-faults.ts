import { Fault } from '../model/fault.js';

/**
 * Converts any thrown value to a fault. Errors of the file system and the network name paths and
 * addresses, never contents. `path` is used if the error has none, as with read(2).
 */
export function faultOf(thrown: unknown, path = 'the file'): Fault {
  if (thrown instanceof Fault || !(thrown instanceof Error) || !('code' in thrown)) return Fault.from(thrown);
  const where = 'path' in thrown && typeof thrown.path === 'string' ? thrown.path : path;
  const cause = { cause: thrown };
  switch (thrown.code) {
    case 'EACCES':
    case 'EPERM':
      return new Fault(
        'denied',
        `no permission for ${where}: run the command as the gateway's account`,
        cause,
      );
    case 'EROFS':
      return new Fault('denied', `${where} is on a read-only file system`, cause);
    case 'ENOENT':
      return new Fault('not-found', `there is no ${where}`, cause);
    case 'EISDIR':
      return new Fault('is-directory', `${where} is a directory, not a file`, cause);
    case 'ENOTDIR':
      return new Fault('not-directory', `a part of ${where} is not a directory`, cause);
    case 'ENOSPC':
    case 'EDQUOT':
      return new Fault('over-quota', `no space left for ${where}: free some and try again`, cause);
    case 'EADDRINUSE':
      return new Fault('conflict', `${thrown.message}: another process uses the port, choose another`, cause);
    default:
      return Fault.from(thrown);
  }
}
