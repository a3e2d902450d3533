/** The names of a file system that does not tell `A` from `a`, as far as they were given out. */
export class FoldedNames {
  readonly #names = new Map<string, string>();

  /** Takes a path with the directories above it. The first one keeps a name: answers that one when another is asked for. */
  claim(path: string): string | null {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const other = this.#take(path.slice(0, slash));
      if (other !== null) return other;
    }
    return path.endsWith('/') ? null : this.#take(path);
  }

  /** Whether another path has this name now, or that of a directory above it. */
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

/** Close to what APFS and NTFS do; where they differ, a name too many is reported. */
function fold(path: string): string {
  return path.normalize('NFC').toLowerCase();
}
