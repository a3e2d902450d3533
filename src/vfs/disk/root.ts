import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.js';
import { shownPath } from '../mount.js';
import { diskFault, errnoOf } from './faults.js';
import { resolveLinks, splitPath } from './links.js';

/** O_PATH, which Node does not name: the same number on every Linux that Node runs on (x64, arm64, ppc64, s390x, riscv64, loong64). */
const pathOnly = 0o10000000;
const hasDescriptorPaths = process.platform === 'linux';
const directoryFlags =
  constants.O_DIRECTORY | constants.O_NOFOLLOW | (hasDescriptorPaths ? pathOnly : constants.O_RDONLY);

/** How often a path is looked at again when somebody renames directories under our hands. */
const maxAttempts = 4;

/**
 * A name in a directory that was proven to lie beneath the root. On Linux `path` goes through the directory's descriptor
 * (`/proc/self/fd/N/name`, what openat(2) would do), so that nobody can put another directory in its place afterwards.
 */
export class Located implements AsyncDisposable {
  readonly #directory: FileHandle | null;
  /** For functions of the file system that do not follow a link in the last segment. */
  readonly path: string;
  /** The directory that holds the name, for syncing it. */
  readonly directoryPath: string;
  /** What was there when it was located, itself and not what it points to; null for nothing. */
  readonly stats: Stats | null;

  constructor(directory: FileHandle | null, directoryPath: string, path: string, stats: Stats | null) {
    this.#directory = directory;
    this.directoryPath = directoryPath;
    this.path = path;
    this.stats = stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory?.close();
  }
}

/** What a name stands for at this moment, held fast: whatever becomes of the name, `path` stays the same file or directory. */
export class Pinned implements AsyncDisposable {
  readonly #file: FileHandle | null;
  readonly path: string;
  readonly stats: Stats;

  constructor(file: FileHandle | null, path: string, stats: Stats) {
    this.#file = file;
    this.path = path;
    this.stats = stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
  }
}

/**
 * Holds what is there now without opening it (no permission is needed, no pipe is woken). Throws `conflict` when a link has
 * taken its place since it was located, and errors of the file system.
 */
export async function pin(located: Located, shown: string): Promise<Pinned> {
  if (!hasDescriptorPaths) return new Pinned(null, located.path, await lstat(located.path));
  const file = await open(located.path, pathOnly | constants.O_NOFOLLOW);
  try {
    const stats = await file.stat();
    if (stats.isSymbolicLink()) throw changing(shown);
    return new Pinned(file, `/proc/self/fd/${file.fd}`, stats);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * A directory on disk that nothing gets out of.
 *
 * A path is found in two steps. First, hopefully: its directory is opened as it is written and the kernel is asked where
 * that descriptor really is; the answer equal to the question means that no link was in the way. Otherwise the links are
 * replaced one by one here (`resolveLinks`), and the first step is done again with the result. What remains: on a system
 * without `/proc` a directory could be swapped for a link between the check and the use. Only the user could
 * do that, through links that `makeSymlink` has let pass because they stay inside.
 */
export class DiskRoot {
  readonly #directory: string;
  readonly #point: string;
  #realRoot: string | null = null;

  /** `directory` is absolute and may be missing; a link on the way to it is the administrator's and is followed. */
  constructor(directory: string, point: string) {
    this.#directory = directory;
    this.#point = point;
  }

  /** The directory's real path, null while there is none. */
  async realRoot(): Promise<string | null> {
    if (this.#realRoot !== null) return this.#realRoot;
    try {
      this.#realRoot = await realpath(this.#directory);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw diskFault(error, this.#point);
    }
    return this.#realRoot;
  }

  /**
   * Finds a path of the mount. Null when the root itself is missing. The last segment need not exist; those above must.
   * Throws `not-found`, `not-directory`, `denied` (a link leads out), `invalid` (a loop), `conflict` (it keeps changing).
   */
  async locate(path: string, followLast: boolean): Promise<Located | null> {
    const shown = shownPath(this.#point, path);
    const asked = splitPath(path);
    let segments = asked;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      try {
        const root = await this.realRoot();
        if (root === null) return null;
        // `..` after a link is not what its text says; only `resolveLinks` may judge it.
        const isPlain = !segments.includes('..');
        const located = isPlain ? await openBeneath(root, segments) : null;
        if (located !== null) {
          if (!followLast || located.stats?.isSymbolicLink() !== true) return located;
          await located[Symbol.asyncDispose]();
        } else if (isPlain && segments.length <= 1) {
          this.#realRoot = null;
          continue;
        }
        segments = await resolveLinks(root, asked, followLast, shown);
      } catch (error) {
        // What was a link is none any more, or the other way round: look again.
        if (!['EINVAL', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw diskFault(error, shown);
      }
    }
    throw changing(shown);
  }
}

function changing(shown: string): Fault {
  return new Fault('conflict', `${JSON.stringify(shown)} is being changed by somebody else: try again`);
}

/** Null when the directory is not what its path says: missing, or behind a link. */
async function openBeneath(root: string, segments: readonly string[]): Promise<Located | null> {
  const expected = join(root, ...segments.slice(0, -1));
  const name = segments.at(-1) ?? '.';
  if (!hasDescriptorPaths) {
    if ((await realpath(expected).catch(() => null)) !== expected) return null;
    const path = join(expected, name);
    return new Located(null, expected, path, await lstatOrNull(path));
  }
  let directory: FileHandle;
  try {
    directory = await open(expected, directoryFlags);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
  try {
    const held = `/proc/self/fd/${directory.fd}`;
    if ((await readlink(held)) === expected) {
      const path = `${held}/${name}`;
      return new Located(directory, held, path, await lstatOrNull(path));
    }
  } catch (error) {
    await directory.close();
    throw error;
  }
  await directory.close();
  return null;
}

async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
