import type { LogSink } from './logger.js';

/** Lines to keep at most; the oldest are passed on first. A start writes about ten. */
const maxHeldLines = 1_000;

/** A log that holds its lines until `release`, then passes them and all later ones on. Disposing it releases it. */
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

  /** Passes the held lines on in order. Does nothing the second time. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const text of held) this.#sink.write(text);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
