import { access, chown, lstat, mkdir, realpath, stat, statfs } from 'node:fs/promises';
import { ensureDirectory, secretDirectoryMode } from '../../files/durable.js';
import { hasCode, isAbsence } from '../../files/system-errors.js';
import type { Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { DiskTools } from './disk-tools.js';
import { type FileOwner, mirroredDirectoryMode } from './file-owner.js';
import { StagingDirectory } from './staging.js';

/** PATH_MAX of Linux in bytes, including the terminating null (limits.h). */
const maxPathBytes = 4096;

/** Properties of a mirrored directory that a plan needs. */
export interface LocalDirectory {
  /** Real path of the directory. Links on the way to it belong to the administrator. */
  readonly root: string;
  readonly foldsCase: boolean;
  /** Max bytes of a path below the directory. */
  readonly maxPathBytes: number;
}

/** A mirrored directory on disk. */
export class MirrorDisk implements LocalDirectory {
  readonly root: string;
  readonly staging: StagingDirectory;
  readonly foldsCase: boolean;
  readonly maxPathBytes: number;
  readonly tools: DiskTools;
  readonly #identity: string;
  readonly #owner: FileOwner | null;

  private constructor(
    root: string,
    identity: string,
    owner: FileOwner | null,
    tools: DiskTools,
    staging: StagingDirectory,
    foldsCase: boolean,
  ) {
    this.root = root;
    this.staging = staging;
    this.foldsCase = foldsCase;
    this.maxPathBytes = pathBytesBelow(root);
    this.tools = tools;
    this.#identity = identity;
    this.#owner = owner;
  }

  /** Opens the directory and creates it if it is missing. Throws `denied` or `unavailable` with its name. */
  static async open(directory: string, entropy: Entropy, tools: DiskTools): Promise<MirrorDisk> {
    try {
      const { root, identity, owner } = await examine(directory);
      const staging = await StagingDirectory.open(root, owner, entropy, tools);
      return new MirrorDisk(root, identity, owner, tools, staging, await foldsCase(staging));
    } catch (error) {
      throw directoryFault(directory, error);
    }
  }

  /** Inspects the directory without creating anything. Guesses from the platform whether names fold case. */
  static async inspect(directory: string): Promise<LocalDirectory> {
    try {
      const root = (await isThere(directory)) ? await realpath(directory) : directory;
      return { root, foldsCase: process.platform === 'darwin', maxPathBytes: pathBytesBelow(root) };
    } catch (error) {
      throw directoryFault(directory, error);
    }
  }

  /** Returns this object while `directory` is still the same directory, else opens the new one. */
  async current(directory: string, entropy: Entropy): Promise<MirrorDisk> {
    try {
      const { identity } = await examine(directory);
      if (identity === this.#identity && (await isThere(this.staging.directory))) return this;
    } catch (error) {
      throw directoryFault(directory, error);
    }
    return MirrorDisk.open(directory, entropy, this.tools);
  }

  /** Returns the absolute path for a path below the prefix. */
  pathOf(path: string): string {
    return `${this.root}/${path}`;
  }

  /** Creates one directory. Returns false if it exists. Throws `conflict` if something else has its name. */
  async makeDirectory(path: string): Promise<boolean> {
    const target = this.pathOf(path.endsWith('/') ? path.slice(0, -1) : path);
    try {
      await mkdir(target, mirroredDirectoryMode);
      if (this.#owner !== null) await chown(target, this.#owner.uid, this.#owner.gid);
      return true;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      if (!(await lstat(target)).isDirectory()) {
        throw new Fault(
          'conflict',
          'a file that the mirror did not create has the name of a directory; move it away',
        );
      }
      return false;
    }
  }

  /**
   * Creates the parent directories of a path. Returns those that were missing. Throws as `makeDirectory`
   * does.
   */
  async makeParents(path: string): Promise<readonly string[]> {
    const made: string[] = [];
    for (let slash = path.indexOf('/'); slash !== -1 && slash < path.length - 1; ) {
      if (await this.makeDirectory(path.slice(0, slash))) made.push(path.slice(0, slash + 1));
      slash = path.indexOf('/', slash + 1);
    }
    return made;
  }

  /**
   * Reports whether a directory below (empty: the mirrored directory) exists at its own path. Someone with
   * access to the disk may have replaced it with a link, and the mirror must not write or remove anything
   * through that.
   */
  async holds(directory: string): Promise<boolean> {
    const path = directory === '' ? this.root : this.pathOf(directory.slice(0, -1));
    try {
      return (await realpath(path)) === path && (await lstat(path)).isDirectory();
    } catch (error) {
      if (isAbsence(error) || hasCode(error, 'ELOOP')) return false;
      throw error;
    }
  }

  /** Returns the free bytes for users without privileges. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.root);
    return bavail * bsize;
  }
}

function pathBytesBelow(root: string): number {
  return maxPathBytes - 2 - Buffer.byteLength(root);
}

async function examine(
  directory: string,
): Promise<{ root: string; identity: string; owner: FileOwner | null }> {
  if (!(await isThere(directory))) await ensureDirectory(directory, secretDirectoryMode);
  const root = await realpath(directory);
  const { dev, ino, uid, gid } = await stat(root);
  // As everywhere, a directory that root creates below another user's directory belongs to that user.
  const owner = process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : null;
  return { root, identity: `${root}|${dev}|${ino}`, owner };
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function foldsCase(staging: StagingDirectory): Promise<boolean> {
  const { path } = await staging.write([], 0);
  try {
    // The name has random hexadecimal digits. A name without a letter is too rare to matter; the result is
    // then false.
    const other = `${staging.directory}/${path.slice(staging.directory.length + 1).toUpperCase()}`;
    if (other === path) return false;
    await access(other);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  } finally {
    await staging.discard(path);
  }
}

function directoryFault(directory: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const isDenied = hasCode(error, 'EACCES', 'EPERM', 'EROFS');
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  const text = isDenied ? 'cannot be used; check its owner and permissions' : `cannot be used${code}`;
  return new Fault(isDenied ? 'denied' : 'unavailable', `the directory ${directory} ${text}`, {
    cause: error,
  });
}
