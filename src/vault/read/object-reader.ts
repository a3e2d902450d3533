import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ObjectBody, ObjectInfo } from '../../model/object-store.js';
import type { ObjectReader } from '../vault.js';
import { FetchedRange } from './fetched-range.js';
import type { RangeSource } from './range-source.js';
import type { ReadAheadHolder, ReadMemory } from './read-memory.js';
import type { SumFunction, WholeCheck } from './whole-check.js';

/** Bytes that an open fetches. Small files need no further request. */
export const firstRangeBytes = 1024 * 1024;

/**
 * Read-ahead starts with this many bytes and grows with sequential reads, so that reading only a header costs
 * little.
 */
const firstAheadBytes = 2 * 1024 * 1024;
const aheadPerByteAsked = 4;

/**
 * Number of recent random reads whose ends are remembered. A read that continues at one of them starts a
 * sequence.
 */
const rememberedEnds = 4;

/** Bounds of one reader: range size in bytes, and number of ranges fetched ahead. */
export interface ReaderBounds {
  readonly rangeBytes: number;
  readonly readAheadRanges: number;
}

/**
 * Reads one version of an object. Sequential reads are served from ranges that are fetched ahead in parallel
 * (the window). A read elsewhere fetches exactly its bytes; a second read that follows it moves the window.
 */
export class RangeReader implements ObjectReader, ReadAheadHolder {
  readonly info: ObjectInfo;
  readonly mtimeSeconds: number;
  readonly #source: RangeSource;
  readonly #memory: ReadMemory;
  readonly #bounds: ReaderBounds;
  readonly #onEnd: () => void;
  /** Ranges of the window and of random reads, in planning order. */
  readonly #ranges = new Set<FetchedRange>();
  readonly #fetches = new Set<Promise<void>>();
  #windowEnd: number;
  #nextRangeBytes: number;
  /** End of the furthest read within the window, and the bytes requested there. */
  #askedEnd = 0;
  #askedBytes = 0;
  #fetching = 0;
  #recentEnds: number[] = [];
  readonly #check: WholeCheck | null;
  /** Set when the object was replaced or its bytes are wrong: no further read can succeed. */
  #failure: Fault | null = null;
  #closed = false;

  constructor(
    source: RangeSource,
    memory: ReadMemory,
    bounds: ReaderBounds,
    opened: {
      readonly info: ObjectInfo;
      readonly mtimeSeconds: number;
      /** The first range, whose body has begun, or null for an empty object. */
      readonly first: { readonly range: FetchedRange; readonly body: ObjectBody } | null;
      /** Null when the ledger does not know the checksum of the object. */
      readonly check: WholeCheck | null;
    },
    onEnd: () => void,
  ) {
    this.info = opened.info;
    this.mtimeSeconds = opened.mtimeSeconds;
    this.#check = opened.check;
    this.#source = source;
    this.#memory = memory;
    this.#bounds = bounds;
    this.#onEnd = onEnd;
    this.#windowEnd = opened.first?.range.end ?? 0;
    this.#nextRangeBytes = Math.min(bounds.rangeBytes, 2 * firstRangeBytes);
    memory.touch(this);
    if (opened.first !== null) {
      this.#ranges.add(opened.first.range);
      memory.take(opened.first.range.byteLength);
      this.#fetch(opened.first.range, opened.first.body);
    }
  }

  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    if (this.#closed) throw new Fault('invalid', 'the file is closed');
    if (this.#failure !== null) throw this.#failure;
    if (!Number.isSafeInteger(offset) || offset < 0 || length < 0) {
      throw new Fault('invalid', `invalid range: ${length} bytes at offset ${offset}`);
    }
    if (offset >= this.info.size) return null;
    const end = Math.min(this.info.size, offset + length);
    this.#memory.touch(this);
    this.#plan(offset, end);
    this.#readAhead();
    this.#startQueued();
    const views: Uint8Array[] = [];
    for (let position = offset; position < end; ) {
      const range = this.#rangeAt(position) ?? this.#planExactly(position, end);
      const stop = Math.min(end, range.end);
      range.enter();
      try {
        if (range.filledEnd < stop) await this.#filled(call, range, stop);
        range.views(position, stop, views);
        if (range.filledEnd === range.end) this.#check?.add(range.start, range.end, range.sum);
        if (range.isUsedUp) this.#drop(range);
      } finally {
        range.leave();
      }
      position = stop;
    }
    if (this.#check?.isMismatch) {
      for (const view of views) releaseBytes(view);
      this.#failure = new Fault(
        'corrupt',
        'the bytes that S3 sent are not those that were uploaded (another checksum); read the file again',
      );
      throw this.#failure;
    }
    return views;
  }

  async #filled(call: Call, range: FetchedRange, stop: number): Promise<void> {
    const filled = range.filledTo(stop, call.signal);
    // A range that a reader waits for may start although memory is short.
    this.#startQueued();
    await filled;
  }

  dropReadAhead(): void {
    for (const range of this.#ranges) if (range.isWaitedFor) return;
    for (const range of this.#ranges) this.#drop(range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.forget(this);
    for (const range of this.#ranges) {
      this.#drop(range);
      range.fail(new Fault('cancelled', 'the file was closed'));
    }
    await Promise.all(this.#fetches);
    this.#onEnd();
  }

  get #sumOf(): SumFunction | null {
    return this.#check?.sum ?? null;
  }

  #rangeAt(position: number): FetchedRange | null {
    for (const range of this.#ranges) if (range.start <= position && position < range.end) return range;
    return null;
  }

  /** Ensures that ranges for this read are fetched or queued. */
  #plan(offset: number, end: number): void {
    const nearWindow = offset <= this.#windowEnd + this.#bounds.rangeBytes;
    const inWindow = nearWindow && (offset >= this.#windowEnd || this.#rangeAt(offset) !== null);
    if (!inWindow && this.#recentEnds.includes(offset)) this.#moveWindow(offset);
    else if (!inWindow) {
      this.#planExactly(offset, end);
      this.#recentEnds = [...this.#recentEnds.slice(1 - rememberedEnds), end];
      return;
    }
    this.#askedBytes += end - offset;
    this.#askedEnd = Math.max(this.#askedEnd, end);
    while (this.#windowEnd < end) this.#extendWindow();
  }

  #planExactly(offset: number, end: number): FetchedRange {
    const range = new FetchedRange(offset, end, this.#sumOf);
    this.#ranges.add(range);
    this.#memory.take(range.byteLength);
    this.#fetch(range, null);
    return range;
  }

  #moveWindow(offset: number): void {
    for (const range of this.#ranges) if (!range.isWaitedFor) this.#drop(range);
    this.#recentEnds = [];
    this.#windowEnd = offset;
    this.#askedEnd = offset;
    this.#askedBytes = 0;
    this.#nextRangeBytes = Math.min(this.#bounds.rangeBytes, firstRangeBytes);
  }

  #readAhead(): void {
    const wanted = Math.max(firstAheadBytes, this.#askedBytes * aheadPerByteAsked);
    const bound = this.#bounds.readAheadRanges * this.#bounds.rangeBytes;
    const goal = Math.min(this.info.size, this.#askedEnd + Math.min(wanted, bound));
    while (this.#windowEnd < goal && !this.#memory.isShortOf(this.#nextRangeBytes)) {
      if (this.#rangesAhead() >= this.#bounds.readAheadRanges) break;
      this.#extendWindow();
    }
    const maxRanges = 2 * this.#bounds.readAheadRanges + 2;
    for (const range of this.#ranges) {
      if (this.#ranges.size <= maxRanges) break;
      if (range.state === 'done' && range.end <= this.#askedEnd) this.#drop(range);
    }
  }

  #rangesAhead(): number {
    let count = 0;
    for (const range of this.#ranges) if (range.end > this.#askedEnd) count += 1;
    return count;
  }

  #extendWindow(): void {
    const short = this.#memory.isShortOf(this.#nextRangeBytes);
    const length = short ? Math.min(firstRangeBytes, this.#nextRangeBytes) : this.#nextRangeBytes;
    const end = Math.min(this.info.size, this.#windowEnd + length);
    this.#ranges.add(new FetchedRange(this.#windowEnd, end, this.#sumOf));
    this.#windowEnd = end;
    this.#nextRangeBytes = Math.min(this.#bounds.rangeBytes, this.#nextRangeBytes * 2);
  }

  #startQueued(): void {
    for (const range of this.#ranges) {
      if (range.state !== 'queued') continue;
      if (this.#fetching >= this.#bounds.readAheadRanges) return;
      if (!this.#memory.tryTake(range.byteLength)) {
        // One range that a reader waits for is always fetched, however short memory is.
        if (this.#fetching > 0 || !range.isWaitedFor) continue;
        this.#memory.take(range.byteLength);
      }
      this.#fetch(range, null);
    }
  }

  #fetch(range: FetchedRange, body: ObjectBody | null): void {
    range.state = 'fetching';
    this.#fetching += 1;
    const fetch = this.#source.fill(range, body).then(() => {
      this.#fetches.delete(fetch);
      this.#fetching -= 1;
      range.state = 'done';
      if (range.fault !== null) {
        if (range.fault.kind === 'conflict') this.#failure = range.fault;
        this.#drop(range);
      } else if (range.isUsedUp) this.#drop(range);
      if (!this.#closed) this.#startQueued();
    });
    this.#fetches.add(fetch);
  }

  /** Removes a range. Reads in progress keep it until they finish. */
  #drop(range: FetchedRange): void {
    if (!this.#ranges.delete(range)) return;
    range.release();
    if (range.state !== 'queued') this.#memory.giveBack(range.byteLength);
    if (range.state === 'fetching') range.cancel.abort();
  }
}
