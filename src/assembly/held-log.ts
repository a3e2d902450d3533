import type { LogSink } from './logger.js';

/** The max. number of held lines; reaching it releases the log. A start writes about ten. */
const maxHeldLines = 1_000;

/**
 * A log that holds its lines until `release`, and then passes on these and all later lines. Disposing it
 * releases it.
 */
export class HeldLog implements LogSink, Disposable {
  readonly #sink: LogSink;
  #held: string[] | null = [];

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  get isTTY(): boolean {
    return this.#sink.isTTY === true;
  }

  write(text: string): void {
    if (this.#held === null) this.#sink.write(text);
    else if (this.#held.push(text) >= maxHeldLines) this.release();
  }

  /** Passes on the held lines in order. A second call does nothing. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const text of held) this.#sink.write(text);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
