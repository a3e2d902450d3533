import { Fault } from '../../model/fault.js';
import { writeLimitMs } from './clock.js';

/**
 * When the database last saw this process. Others declare a process dead that was not seen for `deadMs`, and finish its
 * writes. A process that is cut off from the database, or was paused, cannot know that. It therefore sends nothing that
 * changes an object once it was not seen for `writeLimitMs`.
 */
export class LastSeen {
  readonly #name: string;
  readonly #nowMs: () => number;
  #seenMs: number;

  /** `name` is the database in errors. `nowMs` is the monotonic clock. */
  constructor(name: string, nowMs: () => number = () => performance.now()) {
    this.#name = name;
    this.#nowMs = nowMs;
    this.#seenMs = nowMs();
  }

  /** Runs a request with which the process shows itself. It counts from its start, and only if it returns true. */
  async by(show: () => Promise<boolean>): Promise<boolean> {
    const beganMs = this.#nowMs();
    const isSeen = await show();
    if (isSeen) this.#seenMs = Math.max(this.#seenMs, beganMs);
    return isSeen;
  }

  /** Throws `unavailable` if the process was not seen for `writeLimitMs`. */
  requireRecent(): void {
    const agoMs = this.#nowMs() - this.#seenMs;
    if (agoMs < writeLimitMs) return;
    const seconds = Math.round(agoMs / 1000);
    throw new Fault(
      'unavailable',
      `nothing is written to S3, because the ${this.#name} has not seen this process for ${seconds} s`,
    );
  }
}
