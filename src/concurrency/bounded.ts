import { setImmediate } from 'node:timers/promises';
import { interrupted } from './abort.js';

/** Items after which other work of the process may run, even if no work has to wait. */
const itemsPerTurn = 128;

/**
 * Runs `work` for each item, at most `parallel` at a time, and takes items from the source no faster. Throws the first
 * failure of the work or the source, and `cancelled` if the signal has aborted when an item arrives (abort.ts). Thousands
 * of items do not hold the event loop.
 */
export async function forEachBounded<T>(
  signal: AbortSignal | null,
  items: AsyncIterable<T> | Iterable<T>,
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let started = 0;
  try {
    for await (const item of items) {
      started += 1;
      if (started % itemsPerTurn === 0) await setImmediate();
      if (signal?.aborted) failures.push(interrupted());
      if (failures.length > 0) break;
      const task: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= parallel) await Promise.race(running);
      if (failures.length > 0) break;
    }
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

/** Returns the results of `work` in the order of the items. Runs at most `parallel` at a time; faults as `forEachBounded`. */
export async function mapBounded<T, R>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  await forEachBounded(null, items.entries(), parallel, async ([index, item]) => {
    results[index] = await work(item);
  });
  return results;
}
