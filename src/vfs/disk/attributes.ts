import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Fault } from '../../model/fault.js';
import type { Attributes, FileType } from '../../model/vfs.js';

/**
 * Returns the attributes that a client may see. Returns null for sockets, pipes and devices, which are
 * hidden.
 */
export function attributesOf(stats: Stats, modeMask: number): Attributes | null {
  const type = typeOf(stats);
  if (type === null) return null;
  return {
    type,
    size: stats.size,
    mode: stats.mode & modeMask,
    mtimeSeconds: Math.floor(stats.mtimeMs / 1000),
    atimeSeconds: Math.floor(stats.atimeMs / 1000),
  };
}

/** Returns the current attributes of an open file, which other handles may change as well. */
export async function attributesOfOpen(file: FileHandle, modeMask: number): Promise<Attributes> {
  const attributes = attributesOf(await file.stat(), modeMask);
  if (attributes === null) throw new Fault('bug', 'a regular file has attributes');
  return attributes;
}

function typeOf(stats: Stats): FileType | null {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : null;
}
