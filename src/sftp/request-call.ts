import type { Call, Entropy, Logger } from '../model/call.js';

/**
 * The call of one request. Creates its id and logger at the first use, because most requests need neither.
 */
export class RequestCall implements Call {
  readonly signal: AbortSignal;
  readonly #entropy: Entropy;
  readonly #parentLog: Logger;
  #id: string | null = null;
  #log: Logger | null = null;

  constructor(signal: AbortSignal, entropy: Entropy, log: Logger) {
    this.signal = signal;
    this.#entropy = entropy;
    this.#parentLog = log;
  }

  get id(): string {
    this.#id ??= this.#entropy.id();
    return this.#id;
  }

  get log(): Logger {
    this.#log ??= this.#parentLog.child({ request: this.id });
    return this.#log;
  }
}
