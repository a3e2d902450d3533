import type { ChecksumAlgorithm } from '../../model/checksum.js';
import type { ScratchFile, ScratchSpace } from './scratch-file.js';
import type { ScratchHolder } from './scratch-quota.js';
import { UploadBuffer } from './upload-buffer.js';
import { blockBytes, type UploadShare } from './upload-memory.js';

/**
 * Puts the bytes of one upload in order. The next bytes go to memory and wait for it if necessary. Bytes
 * further ahead go to memory if it has space and the window reaches that far, else to the scratch file. Calls
 * must not overlap.
 */
export class UploadReceiver implements AsyncDisposable {
  readonly buffer: UploadBuffer;
  readonly #share: UploadShare;
  readonly #space: ScratchSpace;
  readonly #holder: ScratchHolder;
  readonly #windowBytes: number;
  readonly #waitForMemory: () => Promise<Buffer>;
  #scratch: ScratchFile | null = null;

  constructor(
    share: UploadShare,
    space: ScratchSpace,
    holder: ScratchHolder,
    windowBytes: number,
    algorithm: ChecksumAlgorithm,
    waitForMemory: () => Promise<Buffer>,
    start = 0,
  ) {
    this.buffer = new UploadBuffer(share, algorithm, start);
    this.#share = share;
    this.#space = space;
    this.#holder = holder;
    this.#windowBytes = windowBytes;
    this.#waitForMemory = waitForMemory;
  }

  /**
   * Stores bytes of one block. Returns null if they are stored, else a promise that resolves once they are.
   */
  place(position: number, piece: Uint8Array): Promise<void> | null {
    const index = Math.floor(position / blockBytes);
    if (!this.buffer.has(index)) {
      if (index > Math.floor(this.buffer.frontier / blockBytes)) {
        return this.#placeAhead(index, position, piece);
      }
      const block = this.#share.tryTake();
      if (block === null) return this.#placeLater(index, position, piece);
      this.buffer.add(index, block, false);
    }
    this.#write(position, piece);
    return null;
  }

  async #placeLater(index: number, position: number, piece: Uint8Array): Promise<void> {
    this.buffer.add(index, await this.#waitForMemory(), false);
    this.#write(position, piece);
  }

  #placeAhead(index: number, position: number, piece: Uint8Array): Promise<void> | null {
    if (position + piece.byteLength - this.buffer.frontier <= this.#windowBytes) {
      const block = this.#share.tryTakeAhead();
      if (block !== null) {
        this.buffer.add(index, block, true);
        this.#write(position, piece);
        return null;
      }
    }
    this.#scratch ??= this.#space.openFile(this.#holder);
    return this.#scratch.keep(position, piece);
  }

  #write(position: number, piece: Uint8Array): void {
    this.buffer.write(position, piece);
    this.#scratch?.drop(position, position + piece.byteLength);
  }

  /** End of the gap at the frontier, or null if no bytes are known behind it. */
  get gapEnd(): number | null {
    const { islandStart } = this.buffer;
    const kept = this.#scratch?.first?.start ?? null;
    if (islandStart === null || kept === null) return islandStart ?? kept;
    return Math.min(islandStart, kept);
  }

  /** Whether the scratch file has the next bytes. */
  get mayDrain(): boolean {
    const first = this.#scratch?.first;
    return first !== undefined && first !== null && first.start <= this.buffer.frontier;
  }

  /** Moves some of those bytes to memory. */
  async drainSome(): Promise<void> {
    const next = this.#scratch?.first;
    if (this.#scratch === null || next === null || next === undefined) return;
    const position = this.buffer.frontier;
    await this.#ensureBlock(position);
    const space = this.buffer.spaceAt(position, next.end - position);
    this.buffer.spaceFilled(position, await this.#scratch.take(position, space));
  }

  /** Writes zeros at the frontier, up to `end` or the end of a block. Returns their number. */
  async zeroSome(end: number): Promise<number> {
    const position = this.buffer.frontier;
    await this.#ensureBlock(position);
    const length = Math.min(end - position, blockBytes - (position % blockBytes));
    this.buffer.writeZeros(position, length);
    return length;
  }

  async #ensureBlock(position: number): Promise<void> {
    const index = Math.floor(position / blockBytes);
    if (this.buffer.has(index)) return;
    this.buffer.add(index, this.#share.tryTake() ?? (await this.#waitForMemory()), false);
  }

  /** Drops everything from `size` on. */
  cut(size: number): void {
    this.buffer.cut(size);
    this.#scratch?.drop(size, Number.MAX_SAFE_INTEGER);
  }

  /** Releases memory and disk. All sends must have settled before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.buffer.clear();
    this.#share.close();
    await this.#scratch?.[Symbol.asyncDispose]();
    this.#scratch = null;
  }
}
