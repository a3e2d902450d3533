import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { isAbsence } from '../../files/system-errors.js';

/** Names that are read, and checked in parallel, at a time. */
const batchSize = 64;

export interface TreeSize {
  /** The sizes of all files. A file with several names counts once; a sparse file counts with its whole size. */
  readonly bytes: number;
  /** Files, directories and links, without the directory itself. */
  readonly entries: number;
}

/**
 * Counts a directory and everything below it. Does not follow symbolic links. Returns zeros for a directory that does
 * not exist. Names that disappear meanwhile are not counted. `sizeOf` returns the size in bytes that a file counts with.
 * Throws other file system errors.
 */
export async function countTree(
  directory: string,
  sizeOf: (stats: Stats) => number = ({ size }) => size,
): Promise<TreeSize> {
  const pending = [directory];
  const seen = new Set<string>();
  let bytes = 0;
  let entries = 0;
  const add = (path: string, stats: Stats): void => {
    entries += 1;
    if (stats.isDirectory()) pending.push(path);
    if (!stats.isFile()) return;
    const inode = `${stats.dev}:${stats.ino}`;
    if (stats.nlink > 1 && seen.has(inode)) return;
    if (stats.nlink > 1) seen.add(inode);
    bytes += sizeOf(stats);
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for await (const paths of batchesOf(next)) {
      const found = await Promise.all(paths.map((path) => lstatOrNull(path)));
      for (const [index, path] of paths.entries()) {
        const stats = found[index];
        if (stats) add(path, stats);
      }
    }
  }
  return { bytes, entries };
}

async function* batchesOf(directory: string): AsyncGenerator<readonly string[]> {
  let paths: string[] = [];
  try {
    for await (const { name } of await opendir(directory, { bufferSize: batchSize })) {
      paths.push(`${directory}/${name}`);
      if (paths.length < batchSize) continue;
      yield paths;
      paths = [];
    }
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  if (paths.length > 0) yield paths;
}

/** Returns what a name is, or null if it does not exist. Throws other file system errors. */
export async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
