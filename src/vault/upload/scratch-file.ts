import type { Clock, Entropy } from '../../model/call.js';
import type { ChecksumAlgorithm } from '../../model/checksum.js';
import { ScratchPart } from './scratch-part.js';
import { type ScratchHolder, ScratchQuota } from './scratch-quota.js';
import { aesBlockBytes, SealedFile } from './sealed-file.js';

/** The scratch files of all uploads. */
export class ScratchSpace {
  readonly #directory: string;
  readonly #quota: ScratchQuota;
  readonly #entropy: Entropy;

  constructor(options: {
    readonly directory: string;
    readonly limitBytes: number;
    /** See `ScratchQuota`. */
    readonly patienceMs: number;
    readonly clock: Clock;
    readonly entropy: Entropy;
  }) {
    this.#directory = options.directory;
    this.#quota = new ScratchQuota(options);
    this.#entropy = options.entropy;
  }

  get usedBytes(): number {
    return this.#quota.usedBytes;
  }

  /** Opens a file for bytes of this upload that arrive out of order. */
  openFile(holder: ScratchHolder): ScratchFile {
    return new ScratchFile(new SealedFile(this.#directory, this.#entropy), this.#quota, holder);
  }

  /**
   * Reserves disk space for the next bytes of a part. Returns null if it is free immediately. Throws
   * `over-quota` or `cancelled`.
   */
  reservePart(bytes: number, holder: ScratchHolder): Promise<void> | null {
    return this.#quota.takeForPart(bytes, holder);
  }

  /** Opens a file for a part of this upload. An upload gathers one part at a time. */
  openPart(holder: ScratchHolder, algorithm: ChecksumAlgorithm): ScratchPart {
    return new ScratchPart(this.#directory, this.#entropy, this.#quota, holder, algorithm);
  }
}

/** A range of the upload, and its position in the scratch file. */
interface Extent {
  start: number;
  end: number;
  /** File position of the byte at `start`. */
  position: number;
}

/**
 * Bytes of one upload that arrived far out of order, on disk. The file only grows: a rewritten range is
 * stored at a new position, so that no position is written twice. Calls must not overlap.
 */
export class ScratchFile implements AsyncDisposable {
  readonly #file: SealedFile;
  readonly #quota: ScratchQuota;
  readonly #holder: ScratchHolder;
  #end = 0;
  #accounted = 0;
  /** Disjoint and ordered by `start`. */
  #extents: Extent[] = [];

  constructor(file: SealedFile, quota: ScratchQuota, holder: ScratchHolder) {
    this.#file = file;
    this.#quota = quota;
    this.#holder = holder;
  }

  get isEmpty(): boolean {
    return this.#extents.length === 0;
  }

  /** The range with the lowest offset, or null if the file is empty. */
  get first(): { readonly start: number; readonly end: number } | null {
    return this.#extents[0] ?? null;
  }

  /**
   * Stores bytes of the upload and replaces those stored at the same offsets. Throws `over-quota`,
   * `cancelled` or `unavailable`.
   */
  async keep(start: number, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    // Whole AES blocks, so that each range begins with its own counter.
    const room = Math.ceil(bytes.byteLength / aesBlockBytes) * aesBlockBytes;
    await this.#quota.takeForKept(room, this.#holder);
    this.#accounted += room;
    const position = this.#end;
    this.#end += room;
    await this.#file.write(position, [bytes]);
    this.drop(start, start + bytes.byteLength);
    this.#insert({ start, end: start + bytes.byteLength, position });
  }

  /** Adds a range that overlaps no other. A sequence of writes stays one range. */
  #insert(added: Extent): void {
    const found = this.#extents.findIndex((extent) => extent.start > added.start);
    const at = found < 0 ? this.#extents.length : found;
    const before = this.#extents[at - 1];
    const follows =
      before?.end === added.start && before.position + before.end - before.start === added.position;
    if (before !== undefined && follows) before.end = added.end;
    else this.#extents.splice(at, 0, added);
  }

  /**
   * Reads stored bytes that begin at `start`, and keeps them. Returns at most `length` bytes and at most those
   * of one range; null if none are stored there. Throws `unavailable`.
   */
  async peek(start: number, length: number): Promise<Buffer | null> {
    const extent = this.#extents.find((candidate) => candidate.start <= start && candidate.end > start);
    if (extent === undefined) return null;
    const available = Math.min(length, extent.end - start);
    return await this.#file.read(extent.position + start - extent.start, available);
  }

  /**
   * Moves stored bytes that begin at `start` into `target`. Returns their number: at most those of one range,
   * at most the size of `target`, and 0 if none are stored there.
   */
  async take(start: number, target: Uint8Array): Promise<number> {
    const extent = this.#extents.find((candidate) => candidate.start <= start && candidate.end > start);
    if (extent === undefined) return 0;
    const length = Math.min(target.byteLength, extent.end - start);
    const position = extent.position + start - extent.start;
    target.set(await this.#file.read(position, length), 0);
    this.drop(start, start + length);
    await this.#shrinkWhenEmpty();
    return length;
  }

  /** Drops the stored bytes of a range. */
  drop(start: number, end: number): void {
    if (this.#extents.length === 0) return;
    const kept: Extent[] = [];
    for (const extent of this.#extents) {
      if (extent.end <= start || extent.start >= end) {
        kept.push(extent);
        continue;
      }
      if (extent.start < start) kept.push({ ...extent, end: start });
      if (extent.end > end) {
        kept.push({ start: end, end: extent.end, position: extent.position + end - extent.start });
      }
    }
    this.#extents = kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#extents = [];
    await this.#file[Symbol.asyncDispose]();
    this.#giveBack();
  }

  async #shrinkWhenEmpty(): Promise<void> {
    if (!this.isEmpty) return;
    await this.#file.discard();
    this.#giveBack();
  }

  #giveBack(): void {
    const accounted = this.#accounted;
    this.#accounted = 0;
    this.#quota.giveBack(accounted);
  }
}
