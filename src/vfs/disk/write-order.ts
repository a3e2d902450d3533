/** Bytes of a file from `from` up to, but not including, `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The span of a write whose position the kernel chooses. */
export const everything: Span = { from: 0, to: Number.POSITIVE_INFINITY };

/**
 * The writes to one open file. Writes to different bytes run in parallel, in the kernel's order. A write that
 * overlaps earlier ones waits for them, so that the last one received is the one that stays.
 */
export class WriteOrder {
  readonly #running = new Set<{ readonly span: Span; readonly done: Promise<void> }>();

  /** Runs `write` at once, or after the earlier writes that overlap `span`. */
  async run(span: Span, write: () => Promise<void>): Promise<void> {
    const earlier = [...this.#running].filter(({ span: other }) => overlap(span, other));
    const result =
      earlier.length === 0 ? write() : Promise.all(earlier.map(({ done }) => done)).then(() => write());
    const running = { span, done: result.catch(() => undefined) };
    this.#running.add(running);
    try {
      await result;
    } finally {
      this.#running.delete(running);
    }
  }
}

function overlap(one: Span, other: Span): boolean {
  return one.from < other.to && other.from < one.to;
}
