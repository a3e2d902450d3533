import { setMaxListeners } from 'node:events';
import { releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';
import { Fault } from '../../model/fault.js';
import type { SumFunction } from './whole-check.js';

interface Waiter {
  readonly end: number;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

/**
 * One range of an object that is being fetched into memory. It holds the network's buffers and returns views
 * of them without copying. Readers wait only for the bytes they need, not for the whole range. Lent buffers
 * are returned once the range is released, no reader is about to take views, and every view was released.
 */
export class FetchedRange {
  readonly start: number;
  readonly end: number;
  /** Aborts the fetch, which releases its memory. */
  readonly cancel: AbortController;
  readonly #chunks: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #waiters: Waiter[] = [];
  #filledEnd: number;
  #servedBytes = 0;
  #fault: Fault | null = null;
  /** Index of the chunk of the last view, where a sequential reader continues. */
  #cursor = 0;
  /** Number of readers that are about to take views. */
  #readers = 0;
  #isReleased = false;
  state: 'queued' | 'fetching' | 'done' = 'queued';
  readonly #sumOf: SumFunction | null;
  #sum = 0;

  /** With `sumOf` the range computes the checksum of its bytes. */
  constructor(start: number, end: number, sumOf: SumFunction | null, cancel = new AbortController()) {
    this.#sumOf = sumOf;
    this.start = start;
    this.end = end;
    this.cancel = cancel;
    this.#filledEnd = start;
  }

  get byteLength(): number {
    return this.end - this.start;
  }

  get filledEnd(): number {
    return this.#filledEnd;
  }

  /** The fault of the fetch, or null. */
  get fault(): Fault | null {
    return this.#fault;
  }

  get isWaitedFor(): boolean {
    return this.#waiters.length > 0;
  }

  /** Whether every byte was returned once. */
  get isUsedUp(): boolean {
    return this.state === 'done' && this.#servedBytes >= this.byteLength;
  }

  /** The checksum of the bytes so far; 0 without `sumOf`. */
  get sum(): number {
    return this.#sum;
  }

  /** Appends the next bytes. Throws `corrupt` if they reach past the range. */
  append(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    if (this.#isReleased && this.#readers === 0) {
      releaseBytes(chunk);
      return;
    }
    if (this.#filledEnd + chunk.byteLength > this.end) {
      throw new Fault('corrupt', `S3 sent more than the ${this.byteLength} bytes requested`);
    }
    if (this.#sumOf !== null) this.#sum = this.#sumOf(chunk, this.#sum);
    this.#chunks.push(chunk);
    this.#starts.push(this.#filledEnd);
    this.#filledEnd += chunk.byteLength;
    if (this.#waiters.length > 0) this.#settleWaiters();
  }

  fail(fault: Fault): void {
    this.#fault = fault;
    this.#settleWaiters();
  }

  /** Resolves when all bytes before `end` are available. Throws the range's fault, or `cancelled`. */
  filledTo(end: number, signal: AbortSignal): Promise<void> {
    if (this.#filledEnd >= end) return Promise.resolve();
    if (this.#fault !== null) return Promise.reject(this.#fault);
    if (signal.aborted) return Promise.reject(new Fault('cancelled', 'the read was cancelled'));
    return new Promise((resolve, reject) => {
      const cancelled = () => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
        reject(new Fault('cancelled', 'the read was cancelled'));
      };
      const waiter: Waiter = {
        end,
        resolve: () => {
          signal.removeEventListener('abort', cancelled);
          resolve();
        },
        reject: (fault) => {
          signal.removeEventListener('abort', cancelled);
          reject(fault);
        },
      };
      // Many reads of one session may wait at the same time, all with its signal.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', cancelled, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Keeps present and future bytes until `leave`, which is called once per `enter`. */
  enter(): void {
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    this.#giveBack();
  }

  /** Releases the range: `enter` is not called again. */
  release(): void {
    this.#isReleased = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (!this.#isReleased || this.#readers > 0) return;
    for (const chunk of this.#chunks) releaseBytes(chunk);
    this.#chunks.length = 0;
    this.#starts.length = 0;
  }

  /**
   * Appends views of the bytes from `start` to `end` to `target`. The bytes must be available. Each view is
   * retained for its receiver.
   */
  views(start: number, end: number, target: Uint8Array[]): void {
    let index = this.#chunkAt(start);
    for (let position = start; position < end; index += 1) {
      const chunk = this.#chunks[index];
      const chunkStart = this.#starts[index];
      if (chunk === undefined || chunkStart === undefined) {
        throw new Error(`the range does not hold byte ${position}`);
      }
      const from = position - chunkStart;
      const to = Math.min(chunk.byteLength, end - chunkStart);
      retainBytes(chunk);
      target.push(from === 0 && to === chunk.byteLength ? chunk : chunk.subarray(from, to));
      position = chunkStart + to;
      this.#cursor = index;
    }
    this.#servedBytes += end - start;
  }

  #chunkAt(position: number): number {
    const hinted = this.#starts[this.#cursor];
    if (hinted !== undefined && hinted <= position) {
      const next = this.#starts[this.#cursor + 1] ?? this.#filledEnd;
      if (position < next) return this.#cursor;
      if (position === next) return this.#cursor + 1;
    }
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #settleWaiters(): void {
    for (let index = 0; index < this.#waiters.length; ) {
      const waiter = this.#waiters[index];
      if (waiter !== undefined && waiter.end <= this.#filledEnd) waiter.resolve();
      else if (waiter !== undefined && this.#fault !== null) waiter.reject(this.#fault);
      else {
        index += 1;
        continue;
      }
      this.#waiters.splice(index, 1);
    }
  }
}
