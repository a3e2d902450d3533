import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.js';
import { shownPath } from '../mount.js';
import { diskFault, errnoOf } from './faults.js';
import { resolveLinks, splitPath } from './links.js';

/**
 * O_PATH, which Node does not define. It is the same number on all Linux platforms of Node (x64, arm64,
 * ppc64, s390x, riscv64, loong64).
 */
const pathOnly = 0o10000000;
const hasDescriptorPaths = process.platform === 'linux';
const directoryFlags =
  constants.O_DIRECTORY | constants.O_NOFOLLOW | (hasDescriptorPaths ? pathOnly : constants.O_RDONLY);

/** Attempts to resolve a path while other processes rename directories on it. */
const maxAttempts = 4;

/**
 * A name in a directory that is proven to be below the root. On Linux `path` goes through the directory's
 * descriptor (`/proc/self/fd/N/name`, like openat(2)), so replacing the directory afterwards has no effect.
 */
export class Located implements AsyncDisposable {
  readonly #directory: FileHandle | null;
  /** Path for file system calls that do not follow a link in the last segment. */
  readonly path: string;
  /** The directory that contains the name, for syncing it. */
  readonly directoryPath: string;
  /** Status of the name itself, not of a link's target, when it was located. Null if it did not exist. */
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

/** A file or directory that is held open: `path` keeps referring to it even if its name changes. */
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
 * Holds a file or directory without opening its content, so it needs no permission and does not block on a
 * pipe. Throws `conflict` if a link has replaced the name since it was located, and file system errors.
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
 * A directory on disk that paths and links cannot leave.
 *
 * A path is resolved in two steps. First its directory is opened as written, and the kernel is asked for the
 * descriptor's real path. If that equals the path, it contains no link. Otherwise `resolveLinks` replaces the
 * links one by one, and the first step is repeated with the result. One gap remains: on a system without
 * `/proc`, a directory could be replaced by a link between check and use. Only the user could do that, with
 * links that `makeSymlink` accepted because they stay inside.
 */
export class DiskRoot {
  readonly #directory: string;
  readonly #point: string;
  #realRoot: string | null = null;

  /**
   * `directory` is absolute and may be missing. Links on the way to it belong to the administrator and are
   * followed.
   */
  constructor(directory: string, point: string) {
    this.#directory = directory;
    this.#point = point;
  }

  /** Returns the directory's real path, or null if it does not exist. */
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
   * Resolves a path of the mount. Returns null if the root is missing. The last segment may be missing; those
   * above must exist. Throws `not-found`, `not-directory`, `denied` (a link leads outside), `invalid` (a
   * loop) and `conflict` (the path keeps changing).
   */
  async locate(path: string, followLast: boolean): Promise<Located | null> {
    const shown = shownPath(this.#point, path);
    const asked = splitPath(path);
    let segments = asked;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      try {
        const root = await this.realRoot();
        if (root === null) return null;
        // `..` after a link means another directory than its text suggests, so only `resolveLinks` handles
        // it.
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
        // A link became something else, or the reverse: try again.
        if (!['EINVAL', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw diskFault(error, shown);
      }
    }
    throw changing(shown);
  }
}

function changing(shown: string): Fault {
  return new Fault('conflict', `${JSON.stringify(shown)} is being changed by another client: try again`);
}

/** Opens the directory of a path below the root. Returns null if it is missing or behind a link. */
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
