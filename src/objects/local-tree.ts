import { lstat, mkdir, realpath } from 'node:fs/promises';
import { localNameProblem } from '../files/local-names.js';
import { hasCode } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/** PATH_MAX of Linux, its final zero counted (limits.h). */
const maxPathBytes = 4096;

/** A directory that objects are fetched into: nothing is ever written outside of it, whatever the names and the links there say. */
export class LocalTree {
  readonly root: string;
  readonly #known = new Set<string>();

  private constructor(root: string) {
    this.root = root;
  }

  /** Made when it is missing. Errors of the file system come out as they are. */
  static async open(directory: string): Promise<LocalTree> {
    await mkdir(directory, { recursive: true });
    return new LocalTree(await realpath(directory));
  }

  /**
   * Where the object with this name below the prefix goes, its directories made. Throws `invalid` for a name that no path can have or
   * that would leave the tree, `conflict` when something that is no directory is on the way.
   */
  async placeFor(name: string): Promise<string> {
    const problem = localNameProblem(name, maxPathBytes - 2 - Buffer.byteLength(this.root));
    if (problem !== null) throw new Fault('invalid', `it cannot be a file: ${problem}`);
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      await this.#directory(name.slice(0, slash));
    }
    return `${this.root}/${name}`;
  }

  async #directory(name: string): Promise<void> {
    if (this.#known.has(name)) return;
    const path = `${this.root}/${name}`;
    try {
      await mkdir(path);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      // lstat(2): a link may lead anywhere.
      if (!(await lstat(path)).isDirectory()) {
        throw new Fault('conflict', `${path} is in the way: it is no directory`);
      }
    }
    this.#known.add(name);
  }
}
