/** Max items that are done or under way while an earlier one is not done: their results wait in memory. */
const maxAhead = 5_000;

/**
 * Runs `work` for each item, at most `parallel` at a time, and passes the results to `done` one by one, in the order of the
 * items: a caller that records the last item done can continue behind it. `done` is awaited. After the first failure
 * (abort.ts), the results before the failed item are still delivered.
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  parallel: number,
  work: (item: T) => Promise<R>,
  done: (item: T, result: R) => Promise<void>,
): Promise<void> {
  const queue = new OrderedQueue(work, done);
  try {
    for await (const item of items) {
      await queue.deliver();
      while (queue.active >= parallel || queue.length >= maxAhead) {
        await queue.changed();
        await queue.deliver();
      }
      queue.push(item);
    }
    while (queue.length > 0) {
      await queue.deliver();
      if (queue.length > 0) await queue.changed();
    }
  } catch (error) {
    while (queue.active > 0) await queue.changed().catch(() => undefined);
    await queue.deliverDone().catch(() => undefined);
    throw error;
  }
}

interface Entry<T, R> {
  readonly item: T;
  outcome: { readonly result: R } | null;
}

/** The items that are under way, or done and not delivered yet. */
class OrderedQueue<T, R> {
  active = 0;
  readonly #work: (item: T) => Promise<R>;
  readonly #done: (item: T, result: R) => Promise<void>;
  readonly #entries: Entry<T, R>[] = [];
  #failure: { readonly error: unknown } | null = null;
  #isDoneFailed = false;
  #wake: () => void = () => undefined;

  constructor(work: (item: T) => Promise<R>, done: (item: T, result: R) => Promise<void>) {
    this.#work = work;
    this.#done = done;
  }

  get length(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    const entry: Entry<T, R> = { item, outcome: null };
    this.#entries.push(entry);
    this.active += 1;
    this.#work(item)
      .then(
        (result) => {
          entry.outcome = { result };
        },
        (error: unknown) => {
          this.#failure ??= { error };
        },
      )
      .finally(() => {
        this.active -= 1;
        this.#wake();
      });
  }

  /** Resolves when some work has ended. Throws the first failure. */
  async changed(): Promise<void> {
    if (this.active > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#check();
  }

  /** Delivers the results up to the first item that is not done. Throws the first failure before anything else. */
  async deliver(): Promise<void> {
    this.#check();
    await this.deliverDone();
  }

  /** Delivers like `deliver`, in spite of a failure of the work; nothing after a failure of `done`. */
  async deliverDone(): Promise<void> {
    for (let first = this.#entries[0]; first?.outcome && !this.#isDoneFailed; first = this.#entries[0]) {
      this.#entries.shift();
      try {
        await this.#done(first.item, first.outcome.result);
      } catch (error) {
        this.#isDoneFailed = true;
        throw error;
      }
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
