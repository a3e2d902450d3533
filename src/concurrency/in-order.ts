/** How many items may be done beyond one that is not: what they answered waits in memory. */
const mostAhead = 5_000;

/**
 * Works on items side by side, and tells of the results one by one in the order of the items: whoever notes the last one told
 * can go on behind it. `done` is awaited. After a fault nothing begins, what comes before it is still told, and it is thrown once nothing
 * is under way any more.
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  parallel: number,
  work: (item: T) => Promise<R>,
  done: (item: T, result: R) => Promise<void>,
): Promise<void> {
  const queue = new Queue(work, done);
  try {
    for await (const item of items) {
      while (queue.active >= parallel || queue.length >= mostAhead) await queue.changed();
      await queue.tell();
      queue.push(item);
    }
    while (queue.length > 0) {
      await queue.tell();
      if (queue.length > 0) await queue.changed();
    }
  } catch (error) {
    while (queue.active > 0) await queue.changed().catch(() => undefined);
    await queue.tellDone().catch(() => undefined);
    throw error;
  }
}

interface Entry<T, R> {
  readonly item: T;
  outcome: { readonly result: R } | null;
}

class Queue<T, R> {
  active = 0;
  readonly #work: (item: T) => Promise<R>;
  readonly #done: (item: T, result: R) => Promise<void>;
  readonly #entries: Entry<T, R>[] = [];
  #failure: { readonly error: unknown } | null = null;
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

  /** Resolves when some work has ended. Throws the first fault. */
  async changed(): Promise<void> {
    if (this.active > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#check();
  }

  async tell(): Promise<void> {
    this.#check();
    await this.tellDone();
  }

  /** Tells of what is done up to the first item that is not. */
  async tellDone(): Promise<void> {
    for (let first = this.#entries[0]; first?.outcome; first = this.#entries[0]) {
      this.#entries.shift();
      await this.#done(first.item, first.outcome.result);
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
