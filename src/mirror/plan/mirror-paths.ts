import { localNameProblem } from '../../files/local-names.js';
import { reservedName } from '../../model/mirror.js';

/**
 * Returns why a path below the prefix cannot be a path below a directory; null if it can. A slash at the end
 * stands for a directory. `maxPathBytes` is the length that the file system and the directory's own path
 * leave.
 */
export function nameProblem(path: string, maxPathBytes: number): string | null {
  const problem = localNameProblem(path, maxPathBytes);
  if (problem !== null) return problem;
  const isReserved = path === reservedName || path.startsWith(`${reservedName}/`);
  return isReserved ? `the name ${reservedName} is reserved for the gateway's own files` : null;
}

/** Returns the parent directory: `a/b/` for `a/b/c` and for `a/b/c/`; empty at the top. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/', path.length - 2) + 1);
}
