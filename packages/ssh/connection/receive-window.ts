import type { Clock } from '../transport/clock.js';
import { protocolFault } from '../wire/fault.js';
import type { ConnectionLimits } from './limits.js';
import type { WindowBudget } from './window-budget.js';

/** The part of the window that is granted again at once. A small part costs messages, a large one throughput. */
const adjustPart = 1 / 4;
/** Bandwidth-delay products that the window covers, so that it does not limit a rate that still grows. */
const headroom = 2;

export type WindowLimits = Pick<ConnectionLimits, 'initialWindowBytes' | 'minWindowBytes' | 'maxWindowBytes'>;

/**
 * The receive window of one channel (RFC 4254 section 5.2). It grows to the measured bandwidth-delay product: the bytes consumed in
 * one round trip, times `headroom`. If the window limits the sender, that product is the window itself, so that it doubles each
 * round trip; otherwise the link's rate bounds it.
 */
export class ReceiveWindow {
  readonly #budget: WindowBudget;
  readonly #limits: WindowLimits;
  readonly #roundTripMs: () => number | null;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** Bytes that the client may have in flight, including those that the application has not consumed. */
  #size: number;
  /** Bytes that the client may still send. */
  #credit: number;
  /** Bytes consumed and not granted again. */
  #consumed = 0;
  #measuredBytes = 0;
  #measuredSinceMs: number;

  /**
   * `size` is reserved from the budget. `roundTripMs` returns the measured round trip, null before it is known. */
  constructor(
    size: number,
    budget: WindowBudget,
    limits: WindowLimits,
    roundTripMs: () => number | null,
    clock: Pick<Clock, 'nowMs'>,
  ) {
    this.#size = size;
    this.#credit = size;
    this.#budget = budget;
    this.#limits = limits;
    this.#roundTripMs = roundTripMs;
    this.#clock = clock;
    this.#measuredSinceMs = clock.nowMs();
  }

  get sizeBytes(): number {
    return this.#size;
  }

  /** Counts data that arrived. Throws if it is more than the window allows. */
  received(bytes: number): void {
    if (bytes > this.#credit) throw protocolFault('channel data exceeds the window');
    this.#credit -= bytes;
  }

  /** Counts data that the application consumed. Returns the bytes to grant with CHANNEL_WINDOW_ADJUST, 0 for none yet. */
  consumed(bytes: number): number {
    this.#consumed += bytes;
    this.#measuredBytes += bytes;
    if (this.#consumed < this.#size * adjustPart) return 0;
    const grant = Math.max(0, this.#consumed + this.#resize());
    this.#consumed = 0;
    this.#credit += grant;
    return grant;
  }

  /** Returns the window's bytes to the budget. Nothing is granted afterwards. */
  close(): void {
    this.#budget.release(this.#size);
    this.#size = 0;
    this.#credit = 0;
  }

  /** Returns by how many bytes the window changes. It shrinks by at most the bytes that are to be granted again. */
  #resize(): number {
    const { initialWindowBytes, maxWindowBytes } = this.#limits;
    if (this.#budget.isShort && this.#size > initialWindowBytes) {
      const shrink = Math.min(this.#consumed, this.#size - initialWindowBytes);
      this.#budget.release(shrink);
      this.#size -= shrink;
      return -shrink;
    }
    const target = Math.min(maxWindowBytes, this.#product() * headroom);
    if (target <= this.#size) return 0;
    const growth = this.#budget.growToInitial(Math.min(target, initialWindowBytes) - this.#size);
    const beyond = this.#budget.growBeyondInitial(target - Math.max(this.#size, initialWindowBytes));
    this.#size += growth + beyond;
    return growth + beyond;
  }

  /** Returns the bandwidth-delay product in bytes, 0 before a whole round trip is measured. */
  #product(): number {
    const roundTripMs = this.#roundTripMs();
    const now = this.#clock.nowMs();
    const elapsedMs = now - this.#measuredSinceMs;
    if (roundTripMs === null || elapsedMs < roundTripMs) return 0;
    const product = (this.#measuredBytes * roundTripMs) / elapsedMs;
    this.#measuredBytes = 0;
    this.#measuredSinceMs = now;
    return product;
  }
}
