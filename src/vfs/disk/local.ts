import { constants } from 'node:fs';
import { chmod, link, mkdir, open, rename, rmdir, symlink, truncate, unlink, utimes } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { parentPath } from '../../model/path.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
  WriteMode,
} from '../../model/vfs.js';
import { type Mount, writableHint } from '../mount.js';
import { errnoOf, withDiskFaults } from './faults.js';
import { splitPath } from './links.js';
import { DiskRoot, type Located, pin } from './root.js';
import { SpaceReserve } from './space-reserve.js';
import { DiskView, refuseUnlessFile } from './view.js';
import { DiskWriteHandle } from './write-handle.js';

/** Permission bits that a client may set. Others, such as set-user-ID, are dropped. */
const modeMask = 0o777;
const defaultFileMode = 0o644;
const directoryMode = 0o755;

/**
 * A directory on disk in which the user may do everything. Its files never go to S3. Created on the first
 * write.
 */
export class LocalMount implements Mount {
  readonly point: string;
  readonly isWritable = true;
  readonly #view: DiskView;
  readonly #root: DiskRoot;
  readonly #directory: string;
  readonly #reserve: SpaceReserve;

  /** `directory` is absolute. */
  constructor(point: string, directory: string, reserve = new SpaceReserve(directory)) {
    this.point = point;
    this.#reserve = reserve;
    this.#directory = directory;
    this.#root = new DiskRoot(directory, point);
    this.#view = new DiskView(point, this.#root, modeMask);
  }

  stat(_call: Call, path: string): Promise<Attributes | null> {
    return this.#view.stat(path, true);
  }

  lstat(_call: Call, path: string): Promise<Attributes | null> {
    return this.#view.stat(path, false);
  }

  list(_call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#view.list(path);
  }

  openRead(_call: Call, path: string): Promise<ReadHandle> {
    return this.#view.openRead(path);
  }

  readLink(_call: Call, path: string): Promise<string> {
    return this.#view.readLink(path);
  }

  async statistics(_call: Call, path: string): Promise<FileSystemStatistics> {
    // Creates the directory if necessary: clients that see "no space" would not send the first file.
    await using _ = await this.#locate('/', true);
    // Awaited here: a rejection before the directory is released would otherwise be unhandled and end the
    // process.
    return await this.#view.statistics(path);
  }

  async setAttributes(_call: Call, path: string, change: AttributeChange): Promise<void> {
    const shown = this.#view.shown(path);
    await using located = await this.#locate(path, true);
    await withDiskFaults(shown, async () => {
      await using pinned = await pin(located, shown);
      const { size, mode, mtimeSeconds, atimeSeconds } = change;
      if (size !== undefined) {
        refuseUnlessFile(pinned.stats, shown);
        await truncate(pinned.path, size);
      }
      if (mode !== undefined) await chmod(pinned.path, mode & modeMask);
      if (mtimeSeconds === undefined && atimeSeconds === undefined) return;
      const { atimeMs, mtimeMs } = pinned.stats;
      await utimes(pinned.path, atimeSeconds ?? atimeMs / 1000, mtimeSeconds ?? mtimeMs / 1000);
    });
  }

  async openWrite(_call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    const shown = this.#view.shown(path);
    if (mode.create) await this.#reserve.require(shown, { files: 1 });
    // An exclusive open does not follow a link, because the name itself must be new (open(2), O_EXCL).
    const located = await this.#locate(path, !mode.exclusive);
    try {
      return await this.#openLocated(located, shown, mode);
    } catch (error) {
      await located[Symbol.asyncDispose]();
      throw error;
    }
  }

  async makeDirectory(_call: Call, path: string): Promise<void> {
    await this.#reserve.require(this.#view.shown(path), { files: 1 });
    await using located = await this.#locate(path, false);
    await withDiskFaults(this.#view.shown(path), () => mkdir(located.path, directoryMode));
  }

  async removeDirectory(_call: Call, path: string): Promise<void> {
    await using located = await this.#locate(path, false);
    await withDiskFaults(this.#view.shown(path), () => rmdir(located.path));
  }

  async remove(_call: Call, path: string): Promise<void> {
    const shown = this.#view.shown(path);
    await using located = await this.#locate(path, false);
    // On some systems unlink(2) of a directory fails with EPERM, which would look like missing permissions.
    if (located.stats?.isDirectory())
      throw new Fault('is-directory', `${JSON.stringify(shown)} is a directory`);
    await withDiskFaults(shown, () => unlink(located.path));
  }

  async rename(_call: Call, from: string, to: string, replace: boolean): Promise<void> {
    const shown = this.#view.shown(to);
    await using source = await this.#locate(from, false);
    await using target = await this.#locate(to, false);
    if (source.stats === null)
      throw new Fault('not-found', `${JSON.stringify(this.#view.shown(from))} does not exist`);
    const exists = new Fault('exists', `${JSON.stringify(shown)} exists already`);
    if (replace) {
      await withDiskFaults(shown, () => rename(source.path, target.path));
      return;
    }
    if (target.stats !== null) throw exists;
    if (source.stats.isFile() && (await linkedInstead(source, target, shown))) return;
    await withDiskFaults(shown, () => rename(source.path, target.path));
  }

  /**
   * Creates a symbolic link. `target` is the client's text: relative to the link's directory, or a path of
   * the tree. It is stored as a relative link, which means the same to the gateway and to other programs.
   * Throws `denied` if it would leave the mount.
   */
  async makeSymlink(_call: Call, path: string, target: string): Promise<void> {
    const shown = this.#view.shown(path);
    const text = target.startsWith('/') ? this.#relativeTarget(path, target) : target;
    const leaves = new Fault(
      'denied',
      `a symbolic link must stay inside ${this.point}, but ${JSON.stringify(target)} is outside`,
    );
    if (text === null) throw leaves;
    await this.#reserve.require(shown, { files: 1 });
    await using located = await this.#locate(path, false);
    await this.#refuseEscape(path, text, leaves);
    await withDiskFaults(shown, () => symlink(text, located.path));
  }

  /** Gives a file a second name (link(2)). Symbolic links on the way to `existing` are followed. */
  async makeHardLink(_call: Call, path: string, existing: string): Promise<void> {
    const shown = this.#view.shown(existing);
    await using source = await this.#locate(existing, true);
    await using target = await this.#locate(path, false);
    if (source.stats === null) throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
    refuseUnlessFile(source.stats, shown);
    await withDiskFaults(this.#view.shown(path), () => link(source.path, target.path));
  }

  async #openLocated(located: Located, shown: string, mode: WriteMode): Promise<WriteHandle> {
    const before = located.stats;
    if (before !== null && mode.exclusive)
      throw new Fault('exists', `${JSON.stringify(shown)} exists already`);
    if (before !== null) refuseUnlessFile(before, shown);
    const flags =
      (mode.read ? constants.O_RDWR : constants.O_WRONLY) |
      constants.O_NOFOLLOW |
      constants.O_NONBLOCK |
      (mode.create ? constants.O_CREAT : 0) |
      (mode.exclusive ? constants.O_EXCL : 0) |
      (mode.truncate ? constants.O_TRUNC : 0) |
      (mode.append ? constants.O_APPEND : 0);
    const permissions = (mode.attributes.mode ?? defaultFileMode) & modeMask;
    const file = await withDiskFaults(shown, () => open(located.path, flags, permissions));
    try {
      refuseUnlessFile(await file.stat(), shown);
      return new DiskWriteHandle(file, located, {
        created: before === null,
        appends: mode.append,
        reads: mode.read,
        shown,
        modeMask,
        reserve: this.#reserve,
      });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #locate(path: string, followLast: boolean): Promise<Located> {
    const located = await this.#root.locate(path, followLast);
    if (located !== null) return located;
    await withDiskFaults(this.point, () => mkdir(this.#directory, { recursive: true, mode: 0o700 }));
    const again = await this.#root.locate(path, followLast);
    if (again === null) throw new Fault('not-found', `${this.point} does not exist: ${writableHint}`);
    return again;
  }

  /** Returns the target as a relative path, or null if it is not in this mount. */
  #relativeTarget(path: string, target: string): string | null {
    const segments = splitPath(target);
    const point = splitPath(this.point);
    if (segments.includes('..') || point.some((segment, index) => segments[index] !== segment)) return null;
    const inside = `/${segments.slice(point.length).join('/')}`;
    const text = relative(parentPath(path), inside);
    return text === '' ? '.' : text;
  }

  /**
   * Throws `leaves` if the link would leave the mount. Follows the target; checks only the text of a target
   * that does not exist yet.
   */
  async #refuseEscape(path: string, text: string, leaves: Fault): Promise<void> {
    const depth = splitPath(parentPath(path)).length;
    let lowest = 0;
    let level = 0;
    for (const segment of splitPath(text)) {
      level += segment === '..' ? -1 : 1;
      lowest = Math.min(lowest, level);
    }
    if (depth + lowest < 0) throw leaves;
    try {
      const target = `${parentPath(path)}/${text}`;
      await using _ = await this.#root.locate(target, true);
    } catch (error) {
      if (isFault(error, 'denied')) throw leaves;
      if (!isFault(error, 'not-found', 'not-directory', 'invalid')) throw error;
    }
  }
}

/**
 * Moves a file with link(2) and unlink(2), the only way to refuse an existing target without a race. Returns
 * false if the file system has no hard links.
 */
async function linkedInstead(source: Located, target: Located, shown: string): Promise<boolean> {
  try {
    await link(source.path, target.path);
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(errnoOf(error) ?? '')) return false;
    return withDiskFaults(shown, () => Promise.reject(error));
  }
  await withDiskFaults(shown, () => unlink(source.path));
  return true;
}
