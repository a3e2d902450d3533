import { Mutex } from '../../concurrency/mutex.js';
import type { Clock } from '../../model/call.js';
import { firstPartBytes, s3PartLimits } from './part-schedule.js';
import { blockBytes } from './upload-memory.js';

/**
 * Time in ms in which S3 should take what a client was told is written. CLOSE then answers before the client gives up:
 * FileZilla waits 20 s.
 */
const backlogMs = 10_000;
/** Max time in ms between the answers to two WRITEs of a file while S3 is slow. Clients would see a dead connection. */
const maxPauseMs = 12_000;
/** Time in ms that one part should take. Two such parts fill the backlog. */
const partMs = 5_000;
/** After this time in ms, older measurements count half. */
const memoryMs = 30_000;
/** Shorter bodies measure the latency of S3 rather than the rate. In bytes. */
const minMeasuredBytes = 1024 * 1024;
/** Later parts have the planned sizes, so that 10,000 parts hold large files on a slow connection too. */
const maxSmallParts = 2_000;
/** Age in ms up to which the rate of another upload is assumed for a new one. */
const maxAgeMs = 300_000;

/** The rate of the last measured upload of this process, with which new uploads start. */
export class LastRate {
  readonly #clock: Clock;
  #bytesPerMs: number | null = null;
  #atMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes per ms, or null if none was measured in the last five minutes. */
  get bytesPerMs(): number | null {
    return this.#clock.monotonicMs() - this.#atMs > maxAgeMs ? null : this.#bytesPerMs;
  }

  record(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
    this.#atMs = this.#clock.monotonicMs();
  }
}

/**
 * The pace of one upload: measures how fast S3 takes its parts, and delays the client so that no more waits than S3
 * accepts within ten seconds. One part may always be under way, so below about 0.5 MiB/s it takes longer: S3 accepts no
 * part below 5 MiB except the last.
 */
export class SendPace {
  readonly #clock: Clock;
  readonly #last: LastRate;
  readonly #turns = new Mutex();
  /** Bytes that S3 took, and the time with requests under way that it needed, in ms. Older values count less. */
  #arrivedBytes = 0;
  #busyMs = 0;
  #inFlightBytes = 0;
  #busySinceMs = 0;
  #changed: () => void = () => undefined;

  constructor(clock: Clock, last: LastRate) {
    this.#clock = clock;
    this.#last = last;
    const known = last.bytesPerMs;
    if (known === null) return;
    this.#busyMs = 1000;
    this.#arrivedBytes = known * this.#busyMs;
  }

  /** Records that a request with these bytes starts. The returned function records its end; call it once. */
  sending(bytes: number): (hasArrived: boolean) => void {
    if (this.#inFlightBytes === 0) this.#busySinceMs = this.#clock.monotonicMs();
    this.#inFlightBytes += bytes;
    return (hasArrived) => {
      this.#inFlightBytes -= bytes;
      if (hasArrived) this.#measure(bytes);
      this.#changed();
    };
  }

  #measure(bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (bytes < minMeasuredBytes) return;
    this.#busyMs += nowMs - this.#busySinceMs;
    this.#busySinceMs = nowMs;
    this.#arrivedBytes += bytes;
    if (this.#busyMs > memoryMs) {
      this.#busyMs /= 2;
      this.#arrivedBytes /= 2;
    }
    this.#last.record(this.#arrivedBytes / Math.max(1, this.#busyMs));
  }

  /** Bytes per ms, or null before the first measurement. Requests that take longer than expected lower it. */
  get #bytesPerMs(): number | null {
    if (this.#busyMs === 0 && this.#arrivedBytes === 0) return null;
    const measured = this.#arrivedBytes / Math.max(1, this.#busyMs);
    if (this.#inFlightBytes === 0) return measured;
    const busyMs = this.#busyMs + this.#clock.monotonicMs() - this.#busySinceMs;
    return Math.min(measured, (this.#arrivedBytes + this.#inFlightBytes) / Math.max(1, busyMs));
  }

  /** Returns the size of a part: `plannedBytes`, or less on a slow connection, in whole blocks of at least 5 MiB. */
  partBytes(partNumber: number, plannedBytes: number): number {
    const rate = this.#bytesPerMs;
    if (rate === null || partNumber > maxSmallParts) return plannedBytes;
    const small = Math.floor((rate * partMs) / blockBytes) * blockBytes;
    return Math.min(plannedBytes, Math.max(s3PartLimits.minBytes, small));
  }

  /**
   * Returns null if S3 keeps up, else a promise that resolves when it does, or twelve seconds after the previous one
   * resolved. `waitingBytes` returns the bytes that are not being sent yet. Never rejects; `signal` ends the wait.
   */
  turn(waitingBytes: () => number, signal: AbortSignal): Promise<void> | null {
    return this.#turns.isLocked || this.#isBehind(waitingBytes()) ? this.#wait(waitingBytes, signal) : null;
  }

  async #wait(waitingBytes: () => number, signal: AbortSignal): Promise<void> {
    await this.#turns.lock();
    const pause = new AbortController();
    const end = () => pause.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      if (signal.aborted) return;
      let isOver = false;
      const limit = this.#clock.sleep(maxPauseMs, pause.signal).then(
        () => {
          isOver = true;
        },
        () => {
          isOver = true;
        },
      );
      while (!isOver && this.#isBehind(waitingBytes())) await Promise.race([limit, this.#nextChange()]);
    } finally {
      signal.removeEventListener('abort', end);
      pause.abort();
      this.#turns.unlock();
    }
  }

  #isBehind(waitingBytes: number): boolean {
    if (this.#inFlightBytes === 0) return false;
    const rate = this.#bytesPerMs;
    const backlogBytes = rate === null ? firstPartBytes : rate * backlogMs;
    return this.#inFlightBytes + waitingBytes > backlogBytes;
  }

  /** Resolves at the end of a request. There is one waiter at a time. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}
