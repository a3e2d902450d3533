import { Fault } from '../model/fault.js';

/**
 * Any thrown value as a fault, the file system's and the network's errors in a person's words. Their texts name paths
 * and addresses, never contents. `path` is named where the error names none, as that of read(2).
 */
export function faultOf(thrown: unknown, path = 'the file'): Fault {
  if (thrown instanceof Fault || !(thrown instanceof Error) || !('code' in thrown)) return Fault.from(thrown);
  const where = 'path' in thrown && typeof thrown.path === 'string' ? thrown.path : path;
  const cause = { cause: thrown };
  switch (thrown.code) {
    case 'EACCES':
    case 'EPERM':
      return new Fault('denied', `no permission for ${where}; run the command as the gateway's owner`, cause);
    case 'EROFS':
      return new Fault('denied', `${where} is on a read-only file system`, cause);
    case 'ENOENT':
      return new Fault('not-found', `there is no ${where}`, cause);
    case 'EISDIR':
      return new Fault('is-directory', `${where} is a directory; a file is needed`, cause);
    case 'ENOTDIR':
      return new Fault('not-directory', `a part of ${where} is not a directory`, cause);
    case 'ENOSPC':
    case 'EDQUOT':
      return new Fault('over-quota', `no space is left for ${where}; make room and try again`, cause);
    case 'EADDRINUSE':
      return new Fault('conflict', `${thrown.message}; another process has the port, choose another`, cause);
    default:
      return Fault.from(thrown);
  }
}
