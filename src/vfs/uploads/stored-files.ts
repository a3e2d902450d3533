/** Max paths that a session remembers. The oldest are forgotten first. */
const capacity = 10_000;

/**
 * The files that this session has stored, by their path in the mount. In a write-only `/uploads`, STAT shows
 * these and no others: clients such as paramiko and rclone check the size of a file that they have uploaded.
 */
export class StoredFiles {
  readonly #paths = new Set<string>();

  add(path: string): void {
    // Deleted first, so that the oldest entries stay at the front of the set.
    this.#paths.delete(path);
    this.#paths.add(path);
    for (const oldest of this.#paths) {
      if (this.#paths.size <= capacity) break;
      this.#paths.delete(oldest);
    }
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Follows the rename of a file, or of a directory with the files below it. */
  rename(from: string, to: string): void {
    // A file of another session is not shown at its new name either.
    for (const path of [...this.#paths]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#paths.delete(path);
      this.add(to + path.slice(from.length));
    }
  }
}
