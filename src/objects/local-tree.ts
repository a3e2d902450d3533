import { lstat, mkdir, realpath } from 'node:fs/promises';
import { localNameProblem } from '../files/local-names.js';
import { hasCode } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/** PATH_MAX of Linux in bytes, including the terminating null (limits.h). */
const maxPathBytes = 4096;

/** Directory that objects are fetched into. Never writes outside of it, whatever names and links it meets. */
export class LocalTree {
  readonly root: string;
  readonly #known = new Set<string>();

  private constructor(root: string) {
    this.root = root;
  }

  /** Opens the directory and creates it if it is missing. Throws errors of the file system unchanged. */
  static async open(directory: string): Promise<LocalTree> {
    await mkdir(directory, { recursive: true });
    return new LocalTree(await realpath(directory));
  }

  /**
   * Returns the path for an object's name below the prefix, and creates the directories on the way. Throws
   * `invalid` for a name that is not a valid path or would leave the tree, and `conflict` if a non-directory
   * is in the way.
   */
  async pathFor(name: string): Promise<string> {
    const problem = localNameProblem(name, maxPathBytes - 2 - Buffer.byteLength(this.root));
    if (problem !== null) throw new Fault('invalid', `its name cannot be a file name: ${problem}`);
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
      // lstat(2) does not follow links, which may lead anywhere.
      if (!(await lstat(path)).isDirectory()) {
        throw new Fault('conflict', `${path} is in the way and is not a directory`);
      }
    }
    this.#known.add(name);
  }
}
