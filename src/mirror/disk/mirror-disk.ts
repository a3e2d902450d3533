import { access, chown, lstat, mkdir, realpath, stat, statfs } from 'node:fs/promises';
import { ensureDirectory, secretDirectoryMode } from '../../files/durable.js';
import { hasCode, isAbsence } from '../../files/system-errors.js';
import type { Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { DiskTools } from './disk-tools.js';
import { type FileOwner, mirroredDirectoryMode } from './file-owner.js';
import { StagingDirectory } from './staging.js';

/** PATH_MAX of Linux, its final zero counted (limits.h). */
const maxPathBytes = 4096;

/** What a plan needs to know of a mirrored directory. */
export interface LocalDirectory {
  /** The directory's real path: a link on the way to it is the administrator's. */
  readonly root: string;
  readonly foldsCase: boolean;
  /** What is left for a path below the directory. */
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

  /** Makes the directory when it is missing. Throws `denied` or `unavailable`, naming it. */
  static async open(directory: string, entropy: Entropy, tools: DiskTools): Promise<MirrorDisk> {
    try {
      const { root, identity, owner } = await examine(directory);
      const staging = await StagingDirectory.open(root, owner, entropy, tools.files);
      return new MirrorDisk(root, identity, owner, tools, staging, await foldsCase(staging));
    } catch (error) {
      throw directoryFault(directory, error);
    }
  }

  /** Looks without making anything; where case is concerned, by the habits of the system. */
  static async inspect(directory: string): Promise<LocalDirectory> {
    try {
      const root = (await isThere(directory)) ? await realpath(directory) : directory;
      return { root, foldsCase: process.platform === 'darwin', maxPathBytes: pathBytesBelow(root) };
    } catch (error) {
      throw directoryFault(directory, error);
    }
  }

  /** This one while `directory` is still the same, else what is there now. */
  async current(directory: string, entropy: Entropy): Promise<MirrorDisk> {
    try {
      const { identity } = await examine(directory);
      if (identity === this.#identity && (await isThere(this.staging.directory))) return this;
    } catch (error) {
      throw directoryFault(directory, error);
    }
    return MirrorDisk.open(directory, entropy, this.tools);
  }

  /** Where a path below the prefix is. */
  pathOf(path: string): string {
    return `${this.root}/${path}`;
  }

  /** Makes one directory, and answers false when it is there. Throws `conflict` when something else has its name. */
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
          'something that the mirror did not put there has the name of a directory',
        );
      }
      return false;
    }
  }

  /** Makes the directories above a path and answers those that were not there. Throws as `makeDirectory`. */
  async makeParents(path: string): Promise<readonly string[]> {
    const made: string[] = [];
    for (let slash = path.indexOf('/'); slash !== -1 && slash < path.length - 1; ) {
      if (await this.makeDirectory(path.slice(0, slash))) made.push(path.slice(0, slash + 1));
      slash = path.indexOf('/', slash + 1);
    }
    return made;
  }

  /**
   * Whether a directory below (empty: the mirrored directory) is there and where its path says. Somebody with access to the
   * disk may have put a link in its place, and nothing is written or removed through that.
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

  /** Bytes that somebody without privileges may still write. */
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
  // As everywhere: what root makes in another one's directory is that one's.
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
    // Random hexadecimal digits; one without a letter is too rare to matter, and then the check says no.
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
  const text = isDenied ? 'cannot be used: check its owner and permissions' : `cannot be used${code}`;
  return new Fault(isDenied ? 'denied' : 'unavailable', `the directory ${directory} ${text}`, {
    cause: error,
  });
}
