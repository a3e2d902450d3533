import type { MirrorDisk } from './mirror-disk.js';

/** Approximate overhead of a file in bytes, for its last block and its inode. */
const blockBytes = 4096;
/** Claims between two measurements of the disk. */
const claimsPerMeasurement = 256;

/** Keeps a mirror from filling its disk. Counts the bytes of a file before it is fetched. */
export class DiskSpace {
  readonly #disk: MirrorDisk;
  readonly #reserveBytes: () => number;
  #freeBytes = 0;
  /** Bytes claimed since the last measurement, or still being written. */
  #claimedBytes = 0;
  #claims = 0;
  #claimsUntilMeasured = 0;

  constructor(disk: MirrorDisk, reserveBytes: () => number) {
    this.#disk = disk;
    this.#reserveBytes = reserveBytes;
  }

  /**
   * Claims space for a file of `size` bytes. Returns a function that releases the claim once the file is
   * written or discarded. Returns null if the file does not fit above the reserve.
   */
  async claim(size: number): Promise<(() => void) | null> {
    const bytes = Math.ceil(size / blockBytes) * blockBytes + blockBytes;
    if (this.#claimsUntilMeasured <= 0 || !this.#fits(bytes)) await this.#measure();
    if (!this.#fits(bytes)) return null;
    this.#claimsUntilMeasured -= 1;
    this.#claimedBytes += bytes;
    this.#claims += 1;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#claims -= 1;
      // From the next measurement on, the disk itself counts these bytes.
      this.#claimedBytes -= bytes;
      this.#freeBytes -= bytes;
    };
  }

  /** True while claims are active that may be released. */
  get isClaimed(): boolean {
    return this.#claims > 0;
  }

  /** Forces a new measurement before the next file, after the disk was full unexpectedly. */
  distrust(): void {
    this.#claimsUntilMeasured = 0;
  }

  #fits(bytes: number): boolean {
    return this.#freeBytes - this.#claimedBytes - bytes >= this.#reserveBytes();
  }

  async #measure(): Promise<void> {
    this.#freeBytes = await this.#disk.freeBytes();
    this.#claimsUntilMeasured = claimsPerMeasurement;
  }
}
