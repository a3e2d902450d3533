import type { TransportLimits } from './limits.js';

type TimerName = 'rekey' | 'rekeyEnd';

/** The part of `NamedTimers` that is used here. */
export interface RekeyTimers {
  set(name: TimerName, delayMs: number, call: () => void): void;
  cancel(name: TimerName): void;
}

/** Traffic of one direction under one set of keys. */
export interface KeyUse {
  readonly bytesUnderKeys: number;
  readonly packetsUnderKeys: number;
}

export interface RekeyOptions {
  readonly limits: TransportLimits;
  readonly timers: RekeyTimers;
  /** One for each direction. */
  readonly uses: readonly [KeyUse, KeyUse];
  /** Called when the keys are too old. */
  expired(): void;
  /** Called when a later key exchange took too long. */
  timedOut(): void;
}

/** Decides when keys are replaced: after a number of bytes or packets in one direction, or after a time (RFC 4253 section 9). */
export class RekeyPolicy {
  readonly #options: RekeyOptions;

  constructor(options: RekeyOptions) {
    this.#options = options;
  }

  /** Returns true if a direction has used up its keys. */
  get isDue(): boolean {
    const { limits, uses } = this.#options;
    const [received, sent] = uses;
    return (
      received.bytesUnderKeys >= limits.rekeyBytes ||
      sent.bytesUnderKeys >= limits.rekeyBytes ||
      received.packetsUnderKeys >= limits.rekeyPackets ||
      sent.packetsUnderKeys >= limits.rekeyPackets
    );
  }

  /** New keys are in use: their time begins. */
  keysChanged(): void {
    const { timers, limits } = this.#options;
    timers.cancel('rekeyEnd');
    timers.set('rekey', limits.rekeyMs, () => this.#options.expired());
  }

  /** A key exchange after the first has begun: its time is bounded. */
  exchangeBegan(): void {
    const { timers, limits } = this.#options;
    timers.set('rekeyEnd', limits.rekeyTimeoutMs, () => this.#options.timedOut());
  }
}
