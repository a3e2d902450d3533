import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  link,
  mkdir,
  open,
  rename,
  rmdir,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
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
import { lstatOrNull } from './count-tree.js';
import { errnoOf, withDiskFaults } from './faults.js';
import { splitPath } from './links.js';
import type { Quota, QuotaFile } from './quota.js';
import { DiskRoot, type Located, type Pinned, pin } from './root.js';
import { SpaceReserve } from './space-reserve.js';
import { DiskView, refuseUnlessFile } from './view.js';
import { DiskWriteHandle } from './write-handle.js';

/** Permission bits that a client may set. Others, such as set-user-ID, are dropped. */
const modeMask = 0o777;
const defaultFileMode = 0o644;
const directoryMode = 0o755;

/** Bounds of the content of a directory: its disk, and the quota of its user. */
export interface LocalBounds {
  readonly quota?: Quota | null;
  readonly reserve?: SpaceReserve;
}

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
  readonly #quota: Quota | null;

  /** `directory` is absolute. */
  constructor(
    point: string,
    directory: string,
    { quota = null, reserve = new SpaceReserve(directory) }: LocalBounds = {},
  ) {
    this.point = point;
    this.#reserve = reserve;
    this.#quota = quota;
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
    const disk = await this.#view.statistics(path);
    return this.#quota === null ? disk : await this.#quota.limited(disk);
  }

  async setAttributes(_call: Call, path: string, change: AttributeChange): Promise<void> {
    const shown = this.#view.shown(path);
    await using located = await this.#locate(path, true);
    await withDiskFaults(shown, async () => {
      await using pinned = await pin(located, shown);
      const { size, mode, mtimeSeconds, atimeSeconds } = change;
      if (size !== undefined) {
        refuseUnlessFile(pinned.stats, shown);
        await this.#resize(pinned, shown, size);
      }
      if (mode !== undefined) await chmod(pinned.path, mode & modeMask);
      if (mtimeSeconds === undefined && atimeSeconds === undefined) return;
      const { atimeMs, mtimeMs } = pinned.stats;
      await utimes(pinned.path, atimeSeconds ?? atimeMs / 1000, mtimeSeconds ?? mtimeMs / 1000);
    });
  }

  async #resize({ path }: Pinned, shown: string, size: number): Promise<void> {
    const used = (await this.#quota?.opening(() => stat(path))) ?? null;
    try {
      await used?.extend(shown, size);
      await truncate(path, size);
      used?.shortened(size);
    } finally {
      await used?.close(async () => (await stat(path).catch(() => null))?.size ?? null);
    }
  }

  /** Makes a file, directory or link if disk and quota have space for it. */
  async #adding<T>(shown: string, create: () => Promise<T>): Promise<T> {
    await this.#reserve.require(shown, { files: 1 });
    return this.#quota === null ? await create() : await this.#quota.adding(shown, create);
  }

  /** Removes the name `path` of the disk with `remove`. */
  #removing(path: string, remove: () => Promise<void>): Promise<void> {
    return this.#quota === null ? remove() : this.#quota.removing(() => lstatOrNull(path), remove);
  }

  /** Moves a name of the disk with `move`. */
  #moving(from: string, to: string, move: () => Promise<void>): Promise<void> {
    if (this.#quota === null) return move();
    return this.#quota.moving(async () => {
      const [source, target] = await Promise.all([lstatOrNull(from), lstatOrNull(to)]);
      // A rename between two names of one file changes nothing (rename(2)).
      return source?.ino === target?.ino ? null : target;
    }, move);
  }

  async openWrite(_call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    const shown = this.#view.shown(path);
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
    const shown = this.#view.shown(path);
    await this.#adding(shown, async () => {
      await using located = await this.#locate(path, false);
      await withDiskFaults(shown, () => mkdir(located.path, directoryMode));
    });
  }

  async removeDirectory(_call: Call, path: string): Promise<void> {
    await using located = await this.#locate(path, false);
    const shown = this.#view.shown(path);
    await this.#removing(located.path, () => withDiskFaults(shown, () => rmdir(located.path)));
  }

  async remove(_call: Call, path: string): Promise<void> {
    const shown = this.#view.shown(path);
    await using located = await this.#locate(path, false);
    // On some systems unlink(2) of a directory fails with EPERM, which would look like missing permissions.
    if (located.stats?.isDirectory())
      throw new Fault('is-directory', `${JSON.stringify(shown)} is a directory`);
    await this.#removing(located.path, () => withDiskFaults(shown, () => unlink(located.path)));
  }

  async rename(_call: Call, from: string, to: string, replace: boolean): Promise<void> {
    const shown = this.#view.shown(to);
    await using source = await this.#locate(from, false);
    await using target = await this.#locate(to, false);
    if (source.stats === null)
      throw new Fault('not-found', `${JSON.stringify(this.#view.shown(from))} does not exist`);
    if (!replace && target.stats !== null)
      throw new Fault('exists', `${JSON.stringify(shown)} exists already`);
    const isLinked = !replace && source.stats.isFile();
    await this.#moving(source.path, target.path, async () => {
      if (isLinked && (await linkedInstead(source, target, shown))) return;
      await withDiskFaults(shown, () => rename(source.path, target.path));
    });
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
    await this.#adding(shown, async () => {
      await using located = await this.#locate(path, false);
      await this.#refuseEscape(path, text, leaves);
      await withDiskFaults(shown, () => symlink(text, located.path));
    });
  }

  /** Gives a file a second name (link(2)). Symbolic links on the way to `existing` are followed. */
  async makeHardLink(_call: Call, path: string, existing: string): Promise<void> {
    const shown = this.#view.shown(existing);
    await using source = await this.#locate(existing, true);
    await using target = await this.#locate(path, false);
    if (source.stats === null) throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
    refuseUnlessFile(source.stats, shown);
    const shownLink = this.#view.shown(path);
    await this.#adding(shownLink, () => withDiskFaults(shownLink, () => link(source.path, target.path)));
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
      (mode.truncate && this.#quota === null ? constants.O_TRUNC : 0) |
      (mode.append ? constants.O_APPEND : 0);
    const permissions = (mode.attributes.mode ?? defaultFileMode) & modeMask;
    const opening = () => withDiskFaults(shown, () => open(located.path, flags, permissions));
    const file = await (before === null && mode.create ? this.#adding(shown, opening) : opening());
    try {
      const stats = await file.stat();
      refuseUnlessFile(stats, shown);
      const used = await this.#quotaOf(file, mode.truncate);
      return new DiskWriteHandle(file, located, {
        used,
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

  /** Returns the part of the quota that an open file uses, null without a quota. Truncates the file if asked. */
  async #quotaOf(file: FileHandle, isTruncated: boolean): Promise<QuotaFile | null> {
    if (this.#quota === null) return null;
    const used = await this.#quota.opening(() => file.stat());
    try {
      if (isTruncated) await file.truncate(0);
    } catch (error) {
      await used.close(async () => null);
      throw error;
    }
    if (isTruncated) used.shortened(0);
    return used;
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
