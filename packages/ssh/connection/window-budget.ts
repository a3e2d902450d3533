/** The share of the free bytes that one request can have. The rest remains for other channels. */
const maxShare = 1 / 64;
/** Windows grow beyond their initial size only in this part of the total. */
const growthPart = 1 / 2;

/** Bounds the sum of the receive windows of all channels of a server. */
export class WindowBudget {
  readonly #totalBytes: number;
  #reservedBytes = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** True if grown windows should return to their initial size. */
  get isShort(): boolean {
    return this.#reservedBytes > this.#totalBytes * growthPart;
  }

  /**
   * Reserves the window of a new channel. Returns `wantedBytes`, less if little is free, 0 if not even `minBytes` are free.
   */
  reserve(wantedBytes: number, minBytes: number): number {
    const free = this.#totalBytes - this.#reservedBytes;
    const granted = Math.max(Math.min(wantedBytes, minBytes), Math.min(wantedBytes, free * maxShare));
    if (granted > free) return 0;
    return this.#take(Math.floor(granted));
  }

  /** Reserves bytes for a window that grows. Returns how many of the wanted bytes were available. */
  grow(wantedBytes: number): number {
    const free = this.#totalBytes * growthPart - this.#reservedBytes;
    return this.#take(Math.max(0, Math.min(wantedBytes, Math.floor(free))));
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  #take(bytes: number): number {
    this.#reservedBytes += bytes;
    return bytes;
  }
}
