import type { Stats } from 'node:fs';
import { Fault } from '../../model/fault.js';
import type { FileSystemStatistics } from '../../model/vfs.js';
import type { DirectoryUsage, OpenFileUsage } from './usage.js';

/** Limits of a directory; null for no limit. */
export interface QuotaLimits {
  readonly bytes: number | null;
  /** Files, directories and links. */
  readonly entries: number | null;
}

/**
 * The limits of a user's directory. Every check takes what it grants at once, so parallel sessions cannot exceed a
 * limit together. Faults: `over-quota`, with the path as the user sees it.
 */
export class Quota {
  readonly #point: string;
  readonly #usage: DirectoryUsage;
  readonly #limits: QuotaLimits;

  /** `point` is the directory as the user sees it. */
  constructor(point: string, usage: DirectoryUsage, limits: QuotaLimits) {
    this.#point = point;
    this.#usage = usage;
    this.#limits = limits;
  }

  /** Makes an entry with `create`. Throws `over-quota` if there are too many. */
  async adding<T>(shown: string, create: () => Promise<T>): Promise<T> {
    const { entries } = this.#limits;
    await this.#usage.ready();
    if (entries !== null && this.#usage.entries >= entries) await this.#usage.refresh();
    if (entries !== null && this.#usage.entries >= entries) {
      throw new Fault(
        'over-quota',
        `${JSON.stringify(shown)} cannot be created: the quota of ${entries} files and directories in ${this.#point} is used up`,
      );
    }
    return await this.#usage.adding(() => this.#usage.changing(create));
  }

  /** Removes a name with `remove`. `look` returns what the name is before, or null if that is unknown. */
  async removing(look: () => Promise<Stats | null>, remove: () => Promise<void>): Promise<void> {
    await this.#usage.changing(async (mark) => {
      const stats = await look();
      await remove();
      if (stats !== null) this.#usage.removed(stats, stats.isFile(), mark);
    });
  }

  /** Moves a name with `move`. `lookAtTarget` returns the name that it replaces, or null. */
  async moving(lookAtTarget: () => Promise<Stats | null>, move: () => Promise<void>): Promise<void> {
    await this.removing(lookAtTarget, () => this.#usage.moving(move));
  }

  /** Records a file that is open for writing. `look` returns what it is now. */
  async opening(look: () => Promise<Stats>): Promise<QuotaFile> {
    await this.#usage.ready();
    const file = await this.#usage.changing(async (mark) => this.#usage.open(await look(), mark));
    return new QuotaFile(file, (shown, bytes) => this.#grow(shown, file, bytes));
  }

  async #grow(shown: string, file: OpenFileUsage, bytes: () => number): Promise<void> {
    const { bytes: limit } = this.#limits;
    const exceeds = () => limit !== null && this.#usage.bytes + bytes() - file.grantedBytes > limit;
    if (bytes() > file.grantedBytes && exceeds()) await this.#usage.refresh();
    if (bytes() <= file.grantedBytes) return;
    if (exceeds()) {
      throw new Fault(
        'over-quota',
        `${JSON.stringify(shown)} cannot be written: the quota of ${limit} bytes in ${this.#point} is used up`,
      );
    }
    file.resize(bytes());
  }

  /** Returns the statistics of the disk, cut to the limit. */
  async limited(disk: FileSystemStatistics): Promise<FileSystemStatistics> {
    const { bytes: limit } = this.#limits;
    if (limit === null) return disk;
    await this.#usage.ready();
    const totalBlocks = Math.min(disk.totalBlocks, Math.floor(limit / disk.blockSize));
    const free = Math.max(0, Math.floor((limit - this.#usage.bytes) / disk.blockSize));
    return { ...disk, totalBlocks, freeBlocks: Math.min(disk.freeBlocks, free) };
  }
}

/** The part of a quota that one open handle uses. */
export class QuotaFile {
  readonly #file: OpenFileUsage;
  readonly #grow: (shown: string, bytes: () => number) => Promise<void>;

  constructor(file: OpenFileUsage, grow: (shown: string, bytes: () => number) => Promise<void>) {
    this.#file = file;
    this.#grow = grow;
  }

  /** Takes what the file grows by if it has at least `bytes`. Throws `over-quota`. */
  extend(shown: string, bytes: number): Promise<void> {
    return this.#grow(shown, () => bytes);
  }

  /** Takes `bytes` more. Throws `over-quota`. */
  append(shown: string, bytes: number): Promise<void> {
    return this.#grow(shown, () => this.#file.grantedBytes + bytes);
  }

  /** Records that the file was truncated to `bytes`. */
  shortened(bytes: number): void {
    if (bytes < this.#file.grantedBytes) this.#file.resize(bytes);
  }

  /** Releases what was taken and not used. `look` returns the size in bytes, or null if it is unknown. */
  close(look: () => Promise<number | null>): Promise<void> {
    return this.#file.close(look);
  }
}
