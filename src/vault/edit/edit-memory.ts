/** Size of a block of changed bytes, in bytes. */
export const editBlockBytes = 64 * 1024;

/**
 * The memory for the changed bytes of all edited files of this process. An edit does not wait for it: without
 * a block it uses the scratch file. An open file with changes may be idle for hours, so it must not hold memory
 * that uploads wait for.
 */
export class EditMemory {
  readonly #maxBlocks: number;
  #held = 0;

  constructor(totalBytes: number) {
    this.#maxBlocks = Math.floor(totalBytes / editBlockBytes);
  }

  get usedBytes(): number {
    return this.#held * editBlockBytes;
  }

  /** Returns a block with undefined content, or null if all are in use. */
  take(): Buffer | null {
    if (this.#held >= this.#maxBlocks) return null;
    this.#held += 1;
    return Buffer.allocUnsafe(editBlockBytes);
  }

  /** Returns blocks whose bytes are no longer used. */
  giveBack(blocks: number): void {
    this.#held -= blocks;
  }
}
