import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { abortError } from '../errors/network-errors.js';

/** Seconds of which the rate is measured. */
const measuredSeconds = 10;
const windowMs = 1000;
/** The share of the measured rate that is left after the first refusal. */
const firstShare = 0.8;
/** The smallest share of the measured rate. */
const minShare = 0.5;
/** Growth of the rate in a second without refusals, as a share of the measured rate. */
const gainShare = 0.1;
/** At this multiple of the measured rate, the limit is removed. */
const endShare = 2;
/** A process that has sent almost nothing is not held to almost nothing. */
const minMeasuredPerSecond = 8;
/** A request that has to wait longer for its turn fails with `throttled`. */
const maxWaitMs = 30_000;
const maxPauseMs = 30_000;

interface Limit {
  /** Requests a second before the first refusal. */
  readonly measured: number;
  perSecond: number;
  windowStartMs: number;
  answered: number;
  refused: number;
}

interface Waiter {
  readonly sinceMs: number;
  settle(error: Error | null): void;
}

/**
 * Limits the requests of this process to one S3 while S3 asks it to slow down (503 or 429). Without refusals
 * there is no limit, and no wait. The first refusal sets a limit of 80 % of the rate so far. Each second
 * lowers it by half the share of refused requests, down to half of that rate, or raises it by 10 % of that
 * rate. All requests count, retries too, so that a storm of refusals never raises the load on S3. The
 * back-off of each operation (retry.ts) lowers it further. AWS SDKs do the same in their adaptive retry mode
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
 */
export class SendRate {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Requests sent in each of the last seconds, by `second % length`. */
  readonly #sent = new Array<number>(measuredSeconds + 1).fill(0);
  #second = 0;
  #limit: Limit | null = null;
  /** The next request may be sent from here on. */
  #nextMs = 0;
  readonly #waiting = new Set<Waiter>();
  #isReleasing = false;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'sleep'>) {
    this.#clock = clock;
  }

  /** The limit in requests a second; null when there is none. */
  get perSecond(): number | null {
    return this.#limit?.perSecond ?? null;
  }

  /**
   * Resolves when the request may be sent, in the order of the calls. Throws an AbortError when the signal
   * aborts, and `throttled` when the wait is longer than 30 s.
   */
  async admit(signal: AbortSignal | undefined): Promise<void> {
    if (this.#limit !== null || this.#waiting.size > 0) await this.#turn(signal);
    this.#advance();
    const slot = this.#second % this.#sent.length;
    this.#sent[slot] = (this.#sent[slot] ?? 0) + 1;
  }

  /** Records an answer. `pauseMs` is its Retry-After: no request is sent for that long, at most 30 s. */
  answered(isRefused: boolean, pauseMs: number): void {
    if (this.#limit === null && !isRefused) return;
    const nowMs = this.#clock.monotonicMs();
    const limit = this.#limit ?? this.#begin(nowMs);
    limit.answered += 1;
    if (isRefused) {
      limit.refused += 1;
      this.#nextMs = Math.max(this.#nextMs, nowMs + Math.min(pauseMs, maxPauseMs));
    }
    this.#adjust(limit, nowMs);
  }

  #begin(nowMs: number): Limit {
    const measured = Math.max(this.#measure(), minMeasuredPerSecond);
    this.#nextMs = nowMs;
    const perSecond = measured * firstShare;
    this.#limit = { measured, perSecond, windowStartMs: nowMs, answered: 0, refused: 0 };
    return this.#limit;
  }

  #adjust(limit: Limit, nowMs: number): void {
    if (nowMs - limit.windowStartMs < windowMs) return;
    const { measured, answered, refused } = limit;
    if (refused > 0) {
      const lowered = limit.perSecond * (1 - refused / answered / 2);
      limit.perSecond = Math.max(lowered, measured * minShare);
    } else limit.perSecond += measured * gainShare;
    limit.windowStartMs = nowMs;
    limit.answered = 0;
    limit.refused = 0;
    if (limit.perSecond < measured * endShare) return;
    this.#limit = null;
    for (const waiter of this.#waiting) waiter.settle(null);
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    const perSecond = this.#limit?.perSecond ?? Number.POSITIVE_INFINITY;
    if ((this.#waiting.size * 1000) / perSecond > maxWaitMs) return Promise.reject(waitsTooLong());
    return new Promise((resolve, reject) => {
      const onAbort = () => waiter.settle(abortError(signal));
      const waiter: Waiter = {
        sinceMs: this.#clock.monotonicMs(),
        settle: (error) => {
          signal?.removeEventListener('abort', onAbort);
          this.#waiting.delete(waiter);
          if (error === null) resolve();
          else reject(error);
        },
      };
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
      void this.#release();
    });
  }

  /** Lets the waiting requests go one by one, at the rate of the moment. */
  async #release(): Promise<void> {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    try {
      for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
        const nowMs = this.#clock.monotonicMs();
        if (nowMs - first.sinceMs > maxWaitMs) first.settle(waitsTooLong());
        else if (nowMs < this.#nextMs) await this.#clock.sleep(this.#nextMs - nowMs);
        else {
          if (this.#limit !== null) this.#nextMs = nowMs + 1000 / this.#limit.perSecond;
          first.settle(null);
        }
      }
    } finally {
      this.#isReleasing = false;
    }
  }

  /** Forgets the seconds that have passed. */
  #advance(): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    const passed = Math.min(second - this.#second, this.#sent.length);
    for (let ago = 0; ago < passed; ago += 1) this.#sent[(second - ago) % this.#sent.length] = 0;
    this.#second = second;
  }

  /**
   * The mean over the whole seconds in which something was sent; that of the current second if there are
   * none.
   */
  #measure(): number {
    this.#advance();
    const current = this.#second % this.#sent.length;
    const whole = this.#sent.filter((count, slot) => slot !== current && count > 0);
    if (whole.length === 0) return this.#sent[current] ?? 0;
    return whole.reduce((sum, count) => sum + count, 0) / whole.length;
  }
}

function waitsTooLong(): Fault {
  return new Fault('throttled', 'S3 asks to slow down, and too many requests are waiting for their turn');
}
