import type { Clock } from '../model/call.js';
import type { TransferStatus } from '../model/live.js';

/** A file that is open. The fields change with each request, at the cost of an addition. */
export class LiveTransfer {
  readonly path: string;
  readonly direction: 'upload' | 'download';
  readonly startedMs: number;
  bytes = 0;
  keyId: string | null = null;
  /** True from CLOSE until the storage has confirmed the file. */
  isCommitting = false;
  readonly #clock: Clock;
  readonly #startedMonotonicMs: number;

  constructor(path: string, direction: 'upload' | 'download', clock: Clock) {
    this.path = path;
    this.direction = direction;
    this.#clock = clock;
    this.startedMs = clock.nowMs();
    this.#startedMonotonicMs = clock.monotonicMs();
  }

  /** Time since the open, in milliseconds. */
  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMonotonicMs;
  }

  /** `isAnswering` means that the session has a request that is not answered yet. */
  status(isAnswering: boolean): TransferStatus {
    const { path, direction, bytes, startedMs, keyId } = this;
    const bytesPerSecond = Math.round((bytes * 1000) / Math.max(1, this.elapsedMs));
    const waitsFor = this.isCommitting ? 'storage' : isAnswering ? 'gateway' : 'client';
    return { path, direction, bytes, bytesPerSecond, startedMs, keyId, waitsFor };
  }
}
