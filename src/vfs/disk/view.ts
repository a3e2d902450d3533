import { constants } from 'node:fs';
import { lstat, open, opendir, readlink, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.js';
import type { Attributes, DirectoryEntry, FileSystemStatistics, ReadHandle } from '../../model/vfs.js';
import { shownPath } from '../mount.js';
import { attributesOf } from './attributes.js';
import { diskFault, errnoOf, withDiskFaults } from './faults.js';
import { segmentsBeneath } from './links.js';
import { DiskReadHandle } from './read-handle.js';
import { type DiskRoot, type Located, pin } from './root.js';

const batchSize = 128;

/**
 * Names that `normalisePath` refuses cannot be requested, so they are not listed: control characters, bytes
 * that are not UTF-8.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
const unaskable = /[\u0000-\u001f\u007f]/;

/** The reading half of a directory on disk, which `/local`, `/downloads` and `/shared` have in common. */
export class DiskView {
  readonly point: string;
  readonly root: DiskRoot;
  readonly #modeMask: number;

  /** `modeMask` removes the permission bits that the mount does not grant. */
  constructor(point: string, root: DiskRoot, modeMask: number) {
    this.point = point;
    this.root = root;
    this.#modeMask = modeMask;
  }

  shown(path: string): string {
    return shownPath(this.point, path);
  }

  async stat(path: string, followLast: boolean): Promise<Attributes | null> {
    let located: Located | null;
    try {
      located = await this.root.locate(path, followLast);
    } catch (error) {
      if (error instanceof Fault && (error.kind === 'not-found' || error.kind === 'not-directory'))
        return null;
      throw error;
    }
    await using found = located;
    // A directory that does not exist yet is shown as empty.
    if (found === null) return path === '/' ? this.#emptyRoot() : null;
    return found.stats === null ? null : attributesOf(found.stats, this.#modeMask);
  }

  async *list(path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    const shown = this.shown(path);
    await using located = await this.root.locate(path, true);
    if (located === null && path === '/') return;
    if (located === null || located.stats === null)
      throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
    try {
      await using pinned = await pin(located, shown);
      if (!pinned.stats.isDirectory())
        throw new Fault('not-directory', `${JSON.stringify(shown)} is not a directory`);
      let names: string[] = [];
      for await (const { name } of await opendir(pinned.path, { bufferSize: batchSize })) {
        if (unaskable.test(name)) continue;
        names.push(name);
        if (names.length < batchSize) continue;
        yield await this.#describe(pinned.path, names);
        names = [];
      }
      if (names.length > 0) yield await this.#describe(pinned.path, names);
    } catch (error) {
      throw diskFault(error, shown);
    }
  }

  async openRead(path: string): Promise<ReadHandle> {
    const shown = this.shown(path);
    await using located = await this.root.locate(path, true);
    const stats = located?.stats ?? null;
    if (located === null || stats === null)
      throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
    refuseUnlessFile(stats, shown);
    // Non-blocking, so that a named pipe that replaced the file does not block a thread.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await withDiskFaults(shown, () => open(located.path, flags));
    try {
      refuseUnlessFile(await file.stat(), shown);
      return new DiskReadHandle(file, shown, this.#modeMask);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Returns a relative target as it is on disk, and an absolute target below the root as a path of the tree.
   */
  async readLink(path: string): Promise<string> {
    const shown = this.shown(path);
    await using located = await this.root.locate(path, false);
    if (located === null || located.stats === null)
      throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
    if (!located.stats.isSymbolicLink())
      throw new Fault('invalid', `${JSON.stringify(shown)} is not a symbolic link`);
    const target = await withDiskFaults(shown, () => readlink(located.path));
    if (!target.startsWith('/')) return target;
    const root = await this.root.realRoot();
    const beneath = root === null ? null : segmentsBeneath(root, target);
    if (beneath === null) throw new Fault('denied', `${JSON.stringify(shown)} leads outside ${this.point}`);
    return join(this.point, ...beneath);
  }

  async statistics(path: string): Promise<FileSystemStatistics> {
    const shown = this.shown(path);
    await using located = await this.root.locate(path, true);
    if (located === null) return { blockSize: 4096, totalBlocks: 0, freeBlocks: 0 };
    const found = await withDiskFaults(shown, () => statfs(located.path));
    return { blockSize: found.bsize, totalBlocks: found.blocks, freeBlocks: found.bavail };
  }

  #emptyRoot(): Attributes {
    return { type: 'directory', size: 0, mode: 0o755 & this.#modeMask, mtimeSeconds: 0, atimeSeconds: 0 };
  }

  async #describe(directory: string, names: readonly string[]): Promise<readonly DirectoryEntry[]> {
    const entries = await Promise.all(names.map((name) => this.#entry(directory, name)));
    return entries.filter((entry) => entry !== null);
  }

  /** Returns null if the name was removed meanwhile, is not UTF-8, or is not a file, directory or link. */
  async #entry(directory: string, name: string): Promise<DirectoryEntry | null> {
    try {
      const attributes = attributesOf(await lstat(`${directory}/${name}`), this.#modeMask);
      return attributes === null ? null : { name, attributes };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }
}

/** Throws `is-directory` for a directory and `unsupported` for sockets, pipes and devices. */
export function refuseUnlessFile(stats: { isFile(): boolean; isDirectory(): boolean }, shown: string): void {
  if (stats.isFile()) return;
  if (stats.isDirectory()) throw new Fault('is-directory', `${JSON.stringify(shown)} is a directory`);
  throw new Fault('unsupported', `${JSON.stringify(shown)} is not an ordinary file`);
}
