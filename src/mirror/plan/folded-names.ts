/** Names in use on a file system that does not distinguish `A` from `a`. */
export class FoldedNames {
  readonly #names = new Map<string, string>();

  /**
   * Claims a path and its parent directories. The first owner keeps a name; returns that owner's path if
   * another path wants it, else null.
   */
  claim(path: string): string | null {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const other = this.#take(path.slice(0, slash));
      if (other !== null) return other;
    }
    return path.endsWith('/') ? null : this.#take(path);
  }

  /** Reports whether another path owns this name or that of a parent directory. */
  has(path: string): boolean {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      if (this.#isAnothers(path.slice(0, slash))) return true;
    }
    return this.#isAnothers(path);
  }

  #isAnothers(path: string): boolean {
    const owner = this.#names.get(fold(path));
    return owner !== undefined && owner !== path;
  }

  #take(path: string): string | null {
    const folded = fold(path);
    const owner = this.#names.get(folded);
    if (owner === undefined) this.#names.set(folded, path);
    return owner === undefined || owner === path ? null : owner;
  }
}

/** Approximates the rules of APFS and NTFS. If they differ, a valid name may be reported as taken. */
function fold(path: string): string {
  return path.normalize('NFC').toLowerCase();
}
