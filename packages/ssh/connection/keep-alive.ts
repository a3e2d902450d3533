import type { Clock, Timer } from '../transport/clock.js';
import { encodeKeepAlive } from './global-requests.js';
import type { ConnectionLimits } from './limits.js';
import { RoundTrip } from './round-trip.js';

/** Time between two measurements of the round trip while the client sends data. */
const probeIntervalMs = 5_000;
/** Received channel data before the first measurement. A client that uploads less does not need a larger window. */
const probeAfterBytes = 256 * 1024;

const keepAlive = encodeKeepAlive();

export interface KeepAliveOptions {
  readonly limits: Pick<ConnectionLimits, 'keepAliveIntervalMs' | 'maxMissedKeepAlives'>;
  readonly clock: Clock;
  readonly send: (message: Uint8Array) => void;
  /** The client missed too many keep-alives. */
  readonly lost: () => void;
}

/**
 * Sends `keepalive@openssh.com` to a silent client, and ends the connection after too many unanswered requests. Any message counts
 * as an answer. While the client uploads, the same request measures the round trip.
 */
export class KeepAlive {
  readonly roundTrip = new RoundTrip();
  readonly #options: KeepAliveOptions;
  #timer: Timer | null = null;
  /** Times at which the unanswered requests were sent. */
  readonly #sentMs: number[] = [];
  #wasHeard = false;
  #missed = 0;
  #bytesUntilProbe = probeAfterBytes;
  #lastProbeMs = -probeIntervalMs;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** A message arrived. */
  heard(): void {
    this.#wasHeard = true;
  }

  /** Channel data arrived. */
  receivedData(bytes: number): void {
    this.#bytesUntilProbe -= bytes;
    if (this.#bytesUntilProbe > 0) return;
    this.#bytesUntilProbe = probeAfterBytes;
    const now = this.#options.clock.nowMs();
    if (this.#sentMs.length > 0 || now - this.#lastProbeMs < probeIntervalMs) return;
    this.#lastProbeMs = now;
    this.#request(now);
  }

  /** REQUEST_SUCCESS or REQUEST_FAILURE arrived. Replies arrive in the order of the requests (RFC 4254 section 4). */
  answered(): void {
    const sentMs = this.#sentMs.shift();
    if (sentMs !== undefined) this.roundTrip.add(this.#options.clock.nowMs() - sentMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { limits, clock } = this.#options;
    if (limits.keepAliveIntervalMs > 0)
      this.#timer = clock.after(limits.keepAliveIntervalMs, () => this.#tick());
  }

  #tick(): void {
    this.#missed = this.#wasHeard ? 0 : this.#missed + 1;
    if (this.#missed > this.#options.limits.maxMissedKeepAlives) {
      this.#options.lost();
      return;
    }
    if (!this.#wasHeard) this.#request(this.#options.clock.nowMs());
    this.#wasHeard = false;
    this.#schedule();
  }

  #request(now: number): void {
    // A client that does not answer would make the list grow.
    if (this.#sentMs.length > this.#options.limits.maxMissedKeepAlives) this.#sentMs.length = 0;
    this.#sentMs.push(now);
    this.#options.send(keepAlive);
  }
}
