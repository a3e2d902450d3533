import type { MirrorDisk } from './mirror-disk.js';

/** Blocks and the inode: what a file takes beside its bytes, about. */
const blockBytes = 4096;
/** How many files are let in on one look at the disk. */
const claimsPerMeasurement = 256;

/** Keeps a mirror from filling its disk: what is fetched is counted before its bytes come. */
export class DiskSpace {
  readonly #disk: MirrorDisk;
  readonly #reserveBytes: () => number;
  #freeBytes = 0;
  /** Claimed since the last look, or still on its way. */
  #claimedBytes = 0;
  #claims = 0;
  #claimsUntilMeasured = 0;

  constructor(disk: MirrorDisk, reserveBytes: () => number) {
    this.#disk = disk;
    this.#reserveBytes = reserveBytes;
  }

  /** Answers how to give the claim back once the file is there or given up; null when it does not fit beside the reserve. */
  async claim(size: number): Promise<(() => void) | null> {
    const bytes = Math.ceil(size / blockBytes) * blockBytes + blockBytes;
    if (this.#claimsUntilMeasured <= 0 || !this.#fits(bytes)) await this.#measure();
    if (!this.#fits(bytes)) return null;
    this.#claimsUntilMeasured -= 1;
    this.#claimedBytes += bytes;
    this.#claims += 1;
    let isGivenBack = false;
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      this.#claims -= 1;
      // Its bytes are counted by the disk itself from the next look on.
      this.#claimedBytes -= bytes;
      this.#freeBytes -= bytes;
    };
  }

  /** True while files are on their way whose claims may come back. */
  get isClaimed(): boolean {
    return this.#claims > 0;
  }

  /** The disk was full although there should have been room: look again before the next file. */
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
