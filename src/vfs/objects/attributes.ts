import type { Attributes, FileSystemStatistics } from '../../model/vfs.js';

/** S3 keeps no owner and no permissions: every file and every directory shows the same. */
export const fileMode = 0o644;
export const directoryMode = 0o755;
/** In a write-only `/uploads` a directory can be entered and written to, not listed. */
export const dropboxDirectoryMode = 0o333;

/**
 * S3 has no size, and a client that is told "0 free" refuses to send: one pebibyte, all of it free, in blocks of 4 KiB.
 */
export const bucketStatistics: FileSystemStatistics = {
  blockSize: 4096,
  totalBlocks: 2 ** 38,
  freeBlocks: 2 ** 38,
};

/** S3 knows no time of access, so the time of change stands for it. */
export function fileAttributes(size: number, mtimeSeconds: number): Attributes {
  // Times out of metadata and of S3 have fractions; the protocol has none.
  const seconds = Math.floor(mtimeSeconds);
  return { type: 'file', size, mode: fileMode, mtimeSeconds: seconds, atimeSeconds: seconds };
}

/** `mtimeSeconds` is that of the marker; 0 for a directory that is only a prefix of other names. */
export function directoryAttributes(mtimeSeconds: number, dropbox: boolean): Attributes {
  const mode = dropbox ? dropboxDirectoryMode : directoryMode;
  return { type: 'directory', size: 0, mode, mtimeSeconds, atimeSeconds: mtimeSeconds };
}
