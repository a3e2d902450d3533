import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { isAbsence } from '../../files/system-errors.js';
import { Fault } from '../../model/fault.js';

/** Part of the disk, and of its inodes, that users may not fill, so that ledger and settings can be written. */
const reservedShare = 0.05;
/** No more than this is kept free, in bytes. */
const maxReserveBytes = 256 * 1024 ** 2;
const maxReserveFiles = 10_000;

/** Bytes that may be written before the disk is asked again, so that not every WRITE costs a statfs(2). */
const uncheckedBytes = 16 * 1024 ** 2;
/** New files that may be made before that. */
const uncheckedFiles = 64;

/** Free and total space and inodes of a disk, as statfs(2) returns them. */
export type DiskSpace = Pick<StatsFs, 'bavail' | 'bsize' | 'blocks' | 'ffree' | 'files'>;

/**
 * Refuses writes to a directory when its disk is almost full. The database of the gateway is usually on the
 * same disk: without a reserve, one user could stop everybody's uploads.
 */
export class SpaceReserve {
  readonly #spaceOf: () => Promise<DiskSpace>;
  #bytesLeft = 0;
  #filesLeft = 0;

  constructor(directory: string, spaceOf: () => Promise<DiskSpace> = () => statfs(directory)) {
    this.#spaceOf = spaceOf;
  }

  /** Throws `over-quota`, with the path as the user sees it, if these bytes or files would use the reserve. */
  async require(shown: string, need: { readonly bytes?: number; readonly files?: number }): Promise<void> {
    const { bytes = 0, files = 0 } = need;
    if (this.#bytesLeft < bytes || this.#filesLeft < files) await this.#check(shown, bytes, files);
    this.#bytesLeft -= bytes;
    this.#filesLeft -= files;
  }

  async #check(shown: string, bytes: number, files: number): Promise<void> {
    let space: DiskSpace;
    try {
      space = await this.#spaceOf();
    } catch (error) {
      // The directory does not exist before the first write.
      if (isAbsence(error)) return;
      throw error;
    }
    const { bavail, bsize, blocks, ffree, files: total } = space;
    const freeBytes = bavail * bsize - Math.min(maxReserveBytes, blocks * bsize * reservedShare);
    // Some file systems make inodes on demand and report none.
    const freeFiles = total === 0 ? Infinity : ffree - Math.min(maxReserveFiles, total * reservedShare);
    if (bytes > freeBytes || files > freeFiles || freeBytes <= 0 || freeFiles <= 0) {
      throw new Fault(
        'over-quota',
        `${JSON.stringify(shown)} cannot be written: the disk of the gateway is almost full`,
      );
    }
    this.#bytesLeft = Math.min(freeBytes, Math.max(bytes, uncheckedBytes));
    this.#filesLeft = Math.min(freeFiles, Math.max(files, uncheckedFiles));
  }
}
