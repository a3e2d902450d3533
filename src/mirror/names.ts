import { localNameProblem } from '../files/local-names.js';
import { reservedName } from '../model/mirror.js';

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

/** Less than zero when `a` sorts before `b` in a listing: by their bytes of UTF-8. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const one = a.charCodeAt(index);
    const other = b.charCodeAt(index);
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** UTF-16 sorts the surrogates, which stand for the highest code points, before U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** `a/b/` for `a/b/c` and for `a/b/c/`; empty at the top. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/', path.length - 2) + 1);
}
