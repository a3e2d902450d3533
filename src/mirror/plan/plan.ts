import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { ListedFile, MirrorAction } from '../../model/mirror.js';
import { type CheckedEntry, type ListedPath, Planner, type PlanOptions } from './planner.js';

/**
 * Plans how to bring the mirrored directory up to date with a listing. Yields batches of actions that can be
 * carried out in this order. Both streams are pages in listing order. Throws the errors of the streams, and
 * `unsupported` if they are out of order.
 */
export async function* plan(
  listing: AsyncIterable<readonly ListedPath[]>,
  state: AsyncIterable<readonly CheckedEntry[]>,
  options: PlanOptions,
): AsyncGenerator<readonly MirrorAction[]> {
  const planner = new Planner(options);
  const listed = new Peeked(listing);
  const known = new Peeked(state);
  try {
    for (;;) {
      if (listed.isEmpty) {
        yield planner.take();
        await listed.fill();
      }
      if (known.isEmpty) await known.fill();
      const object = listed.head;
      const entry = known.head;
      if (object === null && entry === null) break;
      const order = compareHeads(object, entry);
      const path = order <= 0 ? (object?.path ?? '') : (entry?.entry.path ?? '');
      const file: ListedFile | null = order <= 0 ? (object?.file ?? null) : null;
      planner.next(path, file, order >= 0 ? entry : null);
      if (order <= 0) listed.shift();
      if (order >= 0) known.shift();
    }
    planner.end();
    yield planner.take();
  } finally {
    await listed.close();
    await known.close();
  }
}

function compareHeads(object: ListedPath | null, entry: CheckedEntry | null): number {
  if (object === null) return 1;
  if (entry === null) return -1;
  return compareUtf8(object.path, entry.entry.path);
}

/** Reads a stream of pages item by item. */
class Peeked<T> {
  readonly #iterator: AsyncIterator<readonly T[]>;
  #page: readonly T[] = [];
  #position = 0;
  #hasEnded = false;

  constructor(pages: AsyncIterable<readonly T[]>) {
    this.#iterator = pages[Symbol.asyncIterator]();
  }

  /** True if `fill` must be called for more items. */
  get isEmpty(): boolean {
    return this.#position >= this.#page.length && !this.#hasEnded;
  }

  /** The next item; null at the end. */
  get head(): T | null {
    return this.#page[this.#position] ?? null;
  }

  shift(): void {
    this.#position += 1;
  }

  async fill(): Promise<void> {
    while (this.isEmpty) {
      const { done, value } = await this.#iterator.next();
      if (done) this.#hasEnded = true;
      else this.#page = value;
      this.#position = 0;
      if (done) this.#page = [];
    }
  }

  async close(): Promise<void> {
    if (!this.#hasEnded) await this.#iterator.return?.();
  }
}
