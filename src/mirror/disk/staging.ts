import { chown, mkdir, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DirectFile } from '../../files/direct-file.js';
import { hasCode, isAbsence } from '../../files/system-errors.js';
import type { Entropy } from '../../model/call.js';
import { type FileStamp, reservedName } from '../../model/mirror.js';
import type { DiskTools } from './disk-tools.js';
import { type FileOwner, mirroredDirectoryMode, mirroredFileMode } from './file-owner.js';

type StagingTools = Pick<DiskTools, 'files' | 'blocks'>;

/** A complete file that is ready to be renamed to its path. */
export interface StagedFile {
  readonly path: string;
  /** True if its bytes bypassed the page cache, so that a sync is short. */
  readonly isOnDisk: boolean;
  readonly stamp: FileStamp;
}

/** The directory of incomplete files, on the file system of the mirrored directory and outside its listing. */
export class StagingDirectory {
  readonly directory: string;
  readonly #owner: FileOwner | null;
  readonly #tools: StagingTools;
  /** Prefix of the names of this run's files. */
  readonly #run: string;
  #count = 0;

  private constructor(directory: string, owner: FileOwner | null, entropy: Entropy, tools: StagingTools) {
    this.directory = directory;
    this.#owner = owner;
    this.#tools = tools;
    this.#run = entropy.id();
  }

  /**
   * Opens the directory beside the mirrored one if a rename can cross from there, else inside it under the reserved name. Removes the
   * files of earlier runs. `root` is the real path of the mirrored directory.
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

  /** Creates a file for `size` bytes. Other users can never read it. */
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

  /** Creates a complete file with its time. */
  async write(pieces: readonly Uint8Array[], mtimeSeconds: number): Promise<StagedFile> {
    const path = this.#nextPath();
    const file = { path, pieces, mtimeSeconds, mode: mirroredFileMode, owner: this.#owner };
    return { path, isOnDisk: false, stamp: await this.#tools.files.write(file) };
  }

  #nextPath(): string {
    this.#count += 1;
    return `${this.directory}/${this.#run}-${this.#count}`;
  }

  /** Removes a file. Never throws: the next start removes any remaining file. */
  async discard(path: string): Promise<void> {
    await unlink(path).catch(() => undefined);
  }
}

/** Tries a rename: a bind mount has the same device number, and a rename across it still fails (rename(2), EXDEV). */
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

/** Returns the stamp of a complete file. */
export function stampOf(stats: {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}): FileStamp {
  return { inode: stats.ino, size: stats.size, mtimeMs: stats.mtimeMs };
}
