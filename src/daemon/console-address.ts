import type { Clock } from '../model/call.js';
import { isFault } from '../model/fault.js';

/** The address at which the console listens, for those who need it once at the start. */
export class ConsoleAddress {
  readonly #clock: Pick<Clock, 'sleep'>;
  #address: string | null = null;
  readonly #known = new AbortController();

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  listening(address: string): void {
    this.#address = address;
    this.#known.abort();
  }

  /** The process has ended: a start that failed does not become an address soon. */
  ended(): void {
    this.#known.abort();
  }

  /** Returns the address, such as `http://127.0.0.1:8080`; null if the console does not listen within `timeoutMs`, or ends. */
  async within(timeoutMs: number): Promise<string | null> {
    try {
      await this.#clock.sleep(timeoutMs, this.#known.signal);
    } catch (error) {
      if (!isFault(error, 'cancelled')) throw error;
    }
    return this.#address;
  }
}
