/** Max bytes between two slashes: NAME_MAX of Linux and most others. */
const maxSegmentBytes = 255;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
const control = /[\u0000-\u001f\u007f]/;

/**
 * Returns why the name of an object cannot be a path below a directory, or null if it can. A name
 * that ends with one slash is a directory. `maxPathBytes` is what the file system and the path of
 * the directory leave.
 */
export function localNameProblem(path: string, maxPathBytes: number): string | null {
  if (control.test(path)) return 'the name contains a control character';
  if (/\p{Surrogate}/u.test(path)) return 'the name is not valid Unicode';
  if (path.length * 3 > maxPathBytes && Buffer.byteLength(path) > maxPathBytes) {
    return `the name is longer than ${maxPathBytes} bytes, the limit for paths here`;
  }
  for (let start = 0; start < path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const problem = segmentProblem(path, start, end);
    if (problem !== null) return problem;
    start = end + 1;
  }
  return null;
}

function segmentProblem(path: string, start: number, end: number): string | null {
  const length = end - start;
  if (length === 0) return 'the name has two slashes in a row or starts with one';
  if (path[start] === '.' && (length === 1 || (length === 2 && path[start + 1] === '.'))) {
    return 'the name has "." or ".." between its slashes';
  }
  if (length * 3 <= maxSegmentBytes) return null;
  if (Buffer.byteLength(path.slice(start, end)) <= maxSegmentBytes) return null;
  return `the name has more than ${maxSegmentBytes} bytes between two slashes`;
}
