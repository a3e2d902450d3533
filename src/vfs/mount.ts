import type { Vfs } from '../model/vfs.js';

/**
 * One directory at the top of a user's tree. Its methods are those of the Vfs; their paths have the mount point taken
 * off, so that `/` is the mount point itself. Faults name paths as the user knows them, with the mount point.
 */
export interface Mount extends Omit<Vfs, typeof Symbol.asyncDispose> {
  /** `/uploads`: where it hangs. */
  readonly point: string;
  readonly isWritable: boolean;
}

/** A path inside a mount as the user knows it. */
export function shownPath(point: string, path: string): string {
  return path === '/' ? point : point + path;
}

/** Ends every refusal of a write in a place where nobody may write. */
export const writableHint = 'write under /uploads or /local';
