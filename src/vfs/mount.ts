import type { Vfs } from '../model/vfs.js';

/**
 * One top-level directory of a user's tree. Its methods are those of `Vfs` with paths relative to the mount
 * point, which is `/`. Faults name paths as the user sees them, with the mount point.
 */
export interface Mount extends Omit<Vfs, typeof Symbol.asyncDispose> {
  /** Path of the mount point, for example `/uploads`. */
  readonly point: string;
  readonly isWritable: boolean;
}

/** Returns a path inside a mount as the user sees it. */
export function shownPath(point: string, path: string): string {
  return path === '/' ? point : point + path;
}

/** The end of every fault that refuses a write to a read-only directory. */
export const writableHint = 'write under /uploads or /local';
