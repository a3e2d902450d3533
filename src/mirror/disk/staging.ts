import { chown, mkdir, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DirectFile } from '../../files/direct-file.js';
import { hasCode, isAbsence } from '../../files/system-errors.js';
import type { Entropy } from '../../model/call.js';
import { type FileStamp, reservedName } from '../../model/mirror.js';
import type { DiskTools } from './disk-tools.js';
import { type FileOwner, mirroredDirectoryMode, mirroredFileMode } from './file-owner.js';

type StagingTools = Pick<DiskTools, 'files' | 'blocks'>;

/** A finished file that waits to be renamed into place. */
export interface StagedFile {
  readonly path: string;
  /** Its bytes passed by the page cache: there is little left to sync. */
  readonly isOnDisk: boolean;
  readonly stamp: FileStamp;
}

/** Where unfinished files are: on the same file system, and where nobody looks for files. */
export class StagingDirectory {
  readonly directory: string;
  readonly #owner: FileOwner | null;
  readonly #tools: StagingTools;
  /** Names of this run's files begin with it. */
  readonly #run: string;
  #count = 0;

  private constructor(directory: string, owner: FileOwner | null, entropy: Entropy, tools: StagingTools) {
    this.directory = directory;
    this.#owner = owner;
    this.#tools = tools;
    this.#run = entropy.id();
  }

  /**
   * Beside the mirrored directory when a rename gets from there into it, else in it under the reserved name. What an earlier
   * run left there is removed. `root` is the directory's real path.
   */
  static async open(
    root: string,
    owner: FileOwner | null,
    entropy: Entropy,
    tools: StagingTools,
  ): Promise<StagingDirectory> {
    const beside = join(dirname(root), `.${basename(root)}${reservedName}`);
    const within = join(root, reservedName);
    const directory = (await canRename(beside, within)) ? beside : within;
    await mkdir(directory, { recursive: true, mode: mirroredDirectoryMode });
    if (owner !== null) await chown(directory, owner.uid, owner.gid);
    for (const name of await readdir(directory))
      await rm(join(directory, name), { recursive: true, force: true });
    if (directory === beside) await rm(within, { recursive: true, force: true });
    return new StagingDirectory(directory, owner, entropy, tools);
  }

  /** A new file for so many bytes, not readable by others from its first byte. */
  async create(size: number): Promise<DirectFile> {
    const file = await DirectFile.create(this.#nextPath(), mirroredFileMode, size, this.#tools.blocks);
    if (this.#owner === null) return file;
    try {
      await file.handle.chown(this.#owner.uid, this.#owner.gid);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      await this.discard(file.path);
      throw error;
    }
    return file;
  }

  /** A whole new file, with its time. */
  async write(pieces: readonly Uint8Array[], mtimeSeconds: number): Promise<StagedFile> {
    const path = this.#nextPath();
    const file = { path, pieces, mtimeSeconds, mode: mirroredFileMode, owner: this.#owner };
    return { path, isOnDisk: false, stamp: await this.#tools.files.write(file) };
  }

  #nextPath(): string {
    this.#count += 1;
    return `${this.directory}/${this.#run}-${this.#count}`;
  }

  /** Never throws: what stays is swept at the next start. */
  async discard(path: string): Promise<void> {
    await unlink(path).catch(() => undefined);
  }
}

/** Device numbers do not tell: a bind mount has the same, and a rename across it fails all the same (rename(2), EXDEV). */
async function canRename(beside: string, within: string): Promise<boolean> {
  const probe = join(beside, 'probe');
  try {
    await mkdir(probe, { recursive: true, mode: mirroredDirectoryMode });
    await rm(within, { recursive: true, force: true });
    await rename(probe, within);
    await rmdir(within);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EXDEV', 'EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG') && !isAbsence(error))
      throw error;
    await rm(beside, { recursive: true, force: true }).catch(() => undefined);
    return false;
  }
}

/** What `stats` say of a finished file. */
export function stampOf(stats: {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}): FileStamp {
  return { inode: stats.ino, size: stats.size, mtimeMs: stats.mtimeMs };
}
