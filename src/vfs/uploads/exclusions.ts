import { isUsableName } from '../objects/location.js';

/**
 * The names under which clients upload a file that they rename afterwards (`upload.exclusions`). A pattern is
 * a suffix (`filepart` for `a.filepart`), or has a `*` for the final name (`.in.*`) and `?` for any one
 * character.
 */
export class ExcludedNames {
  readonly #patterns: readonly RegExp[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map(expressionOf);
  }

  /** Returns the path with the final name, or null if the name is not excluded. The first pattern counts. */
  finalPath(path: string): string | null {
    const start = path.lastIndexOf('/') + 1;
    const name = path.slice(start);
    for (const pattern of this.#patterns) {
      const [, final] = pattern.exec(name) ?? [];
      if (final !== undefined && isUsableName(final)) return path.slice(0, start) + final;
    }
    return null;
  }
}

function expressionOf(pattern: string): RegExp {
  const glob = pattern.includes('*') ? pattern : `*${pattern.startsWith('.') ? '' : '.'}${pattern}`;
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('?', '.')
    .replace('*', '(.+)');
  return new RegExp(`^${source}$`, 'su');
}
