/** The share of the free bytes that one new channel can have. The rest remains for other channels. */
const maxShare = 1 / 256;
/** Windows grow beyond their initial size only in this part of the total. */
const growthPart = 1 / 2;

/**
 * Bounds the sum of the receive windows of all channels of a server. The smallest windows are granted in any case, since they are
 * bounded by the numbers of sessions and of channels: a client that uses up the budget slows other clients down, but their channels
 * still open.
 */
export class WindowBudget {
  readonly #totalBytes: number;
  #reservedBytes = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** True if windows should return to their initial size. */
  get isShort(): boolean {
    return this.#reservedBytes > this.#totalBytes * growthPart;
  }

  /** Reserves the window of a new channel. Returns `wantedBytes`, less if little is free, at least `minBytes`. */
  reserve(wantedBytes: number, minBytes: number): number {
    const share = Math.floor((this.#totalBytes - this.#reservedBytes) * maxShare);
    const granted = Math.max(minBytes, Math.min(wantedBytes, share));
    this.#reservedBytes += granted;
    return granted;
  }

  /** Reserves bytes for a window that grows to its initial size at most. Returns how many of the wanted bytes were available. */
  growToInitial(wantedBytes: number): number {
    return this.#grow(wantedBytes, this.#totalBytes);
  }

  /** Reserves bytes for a window that grows beyond its initial size. Returns how many of the wanted bytes were available. */
  growBeyondInitial(wantedBytes: number): number {
    return this.#grow(wantedBytes, this.#totalBytes * growthPart);
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  #grow(wantedBytes: number, boundBytes: number): number {
    const granted = Math.max(
      0,
      Math.min(Math.floor(wantedBytes), Math.floor(boundBytes - this.#reservedBytes)),
    );
    this.#reservedBytes += granted;
    return granted;
  }
}
