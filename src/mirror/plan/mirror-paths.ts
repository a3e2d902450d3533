import { localNameProblem } from '../../files/local-names.js';
import { reservedName } from '../../model/mirror.js';

/**
 * Why a path below the prefix cannot be one below a directory, in words; null when it can. One slash at its end makes a directory.
 * `maxPathBytes` is what the file system and the directory's own path leave.
 */
export function nameProblem(path: string, maxPathBytes: number): string | null {
  const problem = localNameProblem(path, maxPathBytes);
  if (problem !== null) return problem;
  const isReserved = path === reservedName || path.startsWith(`${reservedName}/`);
  return isReserved ? `the name ${reservedName} is kept for the gateway's own files` : null;
}

/** `a/b/` for `a/b/c` and for `a/b/c/`; empty at the top. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/', path.length - 2) + 1);
}
