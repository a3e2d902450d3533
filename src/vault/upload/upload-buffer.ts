import type { CrcFunction } from '@sftpgw/checksums';
import { ByteRanges } from '../../bytes/byte-ranges.js';
import { combineSums } from '../../bytes/joined-checksum.js';
import { sumFunction } from '../../bytes/running-checksum.js';
import type { ChecksumAlgorithm } from '../../model/checksum.js';
import type { MemoryBody } from '../../model/object-store.js';
import { blockBytes, type UploadShare } from './upload-memory.js';

interface Block {
  readonly buffer: Buffer;
  /** Checksum of the first `sumLength` bytes, computed while they are still in the processor's cache. */
  sum: number;
  sumLength: number;
  /** Whether its bytes arrived out of order. */
  ahead: boolean;
}

/** Bytes that are sent together. `release` frees their memory after they have arrived. */
export interface OutgoingBytes {
  readonly body: MemoryBody;
  release(): void;
}

/**
 * The bytes of one upload that are in memory. Each block is stored under its position in the file, so bytes
 * that arrive out of order need no second copy. All methods are synchronous.
 */
export class UploadBuffer {
  readonly algorithm: ChecksumAlgorithm;
  readonly #sum: CrcFunction;
  readonly #share: UploadShare;
  readonly #blocks = new Map<number, Block>();
  /** Filled ranges behind the gap at the frontier. */
  readonly #islands = new ByteRanges();
  #aheadBlocks = 0;
  #sentEnd: number;
  #frontier: number;

  /** All bytes before `start` were already sent to S3. It is a multiple of the block size. */
  constructor(share: UploadShare, algorithm: ChecksumAlgorithm, start = 0) {
    this.#sentEnd = start;
    this.#frontier = start;
    this.algorithm = algorithm;
    this.#sum = sumFunction(algorithm);
    this.#share = share;
  }

  /**
   * Offset before which all bytes were sent to S3. A multiple of the block size until the last part is sent.
   */
  get sentEnd(): number {
    return this.#sentEnd;
  }

  /** Offset before which all bytes have been received. */
  get frontier(): number {
    return this.#frontier;
  }

  /** Bytes in order that were not sent yet. */
  get waitingBytes(): number {
    return this.#frontier - this.#sentEnd;
  }

  /** End of the gap at the frontier as far as memory knows, or null if no bytes follow it. */
  get islandStart(): number | null {
    return this.#islands.first?.start ?? null;
  }

  has(index: number): boolean {
    return this.#blocks.has(index);
  }

  add(index: number, buffer: Buffer, ahead: boolean): void {
    this.#blocks.set(index, { buffer, sum: 0, sumLength: 0, ahead });
    if (ahead) this.#aheadBlocks += 1;
  }

  /** Copies bytes into their block. The block must exist, and the bytes must not reach past its end. */
  write(position: number, bytes: Uint8Array): void {
    const index = Math.floor(position / blockBytes);
    const within = position - index * blockBytes;
    this.#block(index).buffer.set(bytes, within);
    this.#filled(index, within, bytes);
  }

  writeZeros(position: number, length: number): void {
    const target = this.spaceAt(position, length);
    target.fill(0);
    this.spaceFilled(position, target.byteLength);
  }

  /**
   * Returns the memory for bytes from `position` on, at most `length` and up to the end of their block. Call
   * `spaceFilled` afterwards.
   */
  spaceAt(position: number, length: number): Buffer {
    const index = Math.floor(position / blockBytes);
    const within = position - index * blockBytes;
    return this.#block(index).buffer.subarray(within, Math.min(blockBytes, within + length));
  }

  spaceFilled(position: number, length: number): void {
    const index = Math.floor(position / blockBytes);
    const within = position - index * blockBytes;
    this.#filled(index, within, this.#block(index).buffer.subarray(within, within + length));
  }

  #block(index: number): Block {
    const block = this.#blocks.get(index);
    if (block === undefined) throw new Error(`block ${index} of the upload is not in memory`);
    return block;
  }

  #filled(index: number, within: number, bytes: Uint8Array): void {
    const block = this.#block(index);
    if (within === block.sumLength) {
      block.sum = this.#sum(bytes, block.sum);
      block.sumLength += bytes.byteLength;
    } else if (within < block.sumLength) {
      block.sum = 0;
      block.sumLength = 0;
    }
    const start = index * blockBytes + within;
    const end = start + bytes.byteLength;
    if (start > this.#frontier) this.#islands.add(start, end);
    else if (end > this.#frontier) this.#advance(end);
  }

  #advance(end: number): void {
    const before = this.#frontier;
    this.#frontier = end;
    for (let island = this.#islands.first; island !== null && island.start <= this.#frontier; ) {
      this.#frontier = Math.max(this.#frontier, island.end);
      this.#islands.remove(island.start, island.end);
      island = this.#islands.first;
    }
    if (this.#aheadBlocks === 0) return;
    const last = Math.floor(this.#frontier / blockBytes);
    for (let index = Math.floor(before / blockBytes); index <= last; index += 1) {
      const block = this.#blocks.get(index);
      if (block?.ahead !== true) continue;
      block.ahead = false;
      this.#aheadBlocks -= 1;
      this.#share.putInOrder();
    }
  }

  /** Removes and returns the next `length` bytes: whole blocks, or everything up to the frontier. */
  takeOut(length: number): OutgoingBytes {
    const blocks: Block[] = [];
    const body = this.#bodyOf(length, blocks);
    for (let done = 0; done < length; done += blockBytes) {
      this.#blocks.delete(Math.floor((this.#sentEnd + done) / blockBytes));
    }
    this.#sentEnd += length;
    return {
      body,
      release: () => {
        for (const block of blocks) this.#share.giveBack(block.buffer);
        blocks.length = 0;
      },
    };
  }

  /** Returns all bytes from the first on and keeps them. Call it only before any bytes were sent. */
  wholeBody(): MemoryBody {
    return this.#bodyOf(this.#frontier, []);
  }

  /** Returns a copy of the bytes up to the frontier that were not sent. */
  copyOut(): Uint8Array {
    return Buffer.concat(this.#bodyOf(this.#frontier - this.#sentEnd, []).chunks);
  }

  #bodyOf(length: number, blocks: Block[]): MemoryBody {
    const chunks: Uint8Array[] = [];
    let value = 0;
    for (let done = 0; done < length; done += blockBytes) {
      const block = this.#block(Math.floor((this.#sentEnd + done) / blockBytes));
      const used = Math.min(blockBytes, length - done);
      const bytes = used === blockBytes ? block.buffer : block.buffer.subarray(0, used);
      value = combineSums(this.algorithm, value, this.#sumOf(block, used), used);
      blocks.push(block);
      chunks.push(bytes);
    }
    return { chunks, byteLength: length, checksum: { algorithm: this.algorithm, value } };
  }

  /**
   * Returns the checksum of a block's first `length` bytes. Computes only what was not computed on arrival.
   */
  #sumOf(block: Block, length: number): number {
    if (block.sumLength > length) return this.#sum(block.buffer.subarray(0, length), 0);
    if (block.sumLength < length) {
      block.sum = this.#sum(block.buffer.subarray(block.sumLength, length), block.sum);
      block.sumLength = length;
    }
    return block.sum;
  }

  /** Drops everything from `size` on; `size` must not be below `sentEnd`. */
  cut(size: number): void {
    this.#islands.remove(size, Number.MAX_SAFE_INTEGER);
    this.#frontier = Math.min(this.#frontier, size);
    for (const [index, block] of this.#blocks) {
      const start = index * blockBytes;
      if (start >= size) this.#drop(index, block);
      else if (start + block.sumLength > size) {
        block.sum = 0;
        block.sumLength = 0;
      }
    }
  }

  /** Releases all memory whose bytes were not sent. */
  clear(): void {
    for (const [index, block] of this.#blocks) this.#drop(index, block);
  }

  #drop(index: number, block: Block): void {
    this.#blocks.delete(index);
    if (block.ahead) {
      this.#aheadBlocks -= 1;
      this.#share.releaseAhead(block.buffer);
    } else {
      this.#share.giveBack(block.buffer);
    }
  }
}
