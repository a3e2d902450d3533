import type { Attributes, FileSystemStatistics } from '../../model/vfs.js';

/** S3 stores no owner and no permissions, so all files and all directories show the same mode. */
export const fileMode = 0o644;
export const directoryMode = 0o755;

/**
 * S3 has no size limit, and clients refuse to send if they see "0 free". So this reports one pebibyte, all
 * free, in blocks of 4 KiB.
 */
export const bucketStatistics: FileSystemStatistics = {
  blockSize: 4096,
  totalBlocks: 2 ** 38,
  freeBlocks: 2 ** 38,
};

/** Returns a file's attributes. S3 has no access time, so it equals the modification time. */
export function fileAttributes(size: number, mtimeSeconds: number): Attributes {
  // Times in metadata and in S3 have fractions, but SFTP has none.
  const seconds = Math.floor(mtimeSeconds);
  return { type: 'file', size, mode: fileMode, mtimeSeconds: seconds, atimeSeconds: seconds };
}

/**
 * Returns a directory's attributes. `mtimeSeconds` is the time of the marker, or 0 for a directory that is
 * only a prefix.
 */
export function directoryAttributes(mtimeSeconds: number): Attributes {
  return { type: 'directory', size: 0, mode: directoryMode, mtimeSeconds, atimeSeconds: mtimeSeconds };
}
