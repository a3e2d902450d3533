import type { Stats } from 'node:fs';
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

function typeOf(stats: Stats): FileType | null {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : null;
}
