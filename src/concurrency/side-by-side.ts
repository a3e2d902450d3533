import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';

/**
 * Does the work for each item, so many side by side, and takes items no faster than they are worked on. What the work or the source
 * throws ends all of it, after what has begun has ended. Throws `cancelled` when the call is.
 */
export async function forEachSideBySide<T>(
  call: Call,
  items: AsyncIterable<T> | Iterable<T>,
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    if (call.signal.aborted) failures.push(new Fault('cancelled', 'interrupted'));
    if (failures.length > 0) break;
    const task: Promise<void> = work(item)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(task));
    running.add(task);
    if (running.size >= parallel) await Promise.race(running);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

/** The results in the order of the items, so many worked on side by side. */
export async function mapSideBySide<T, R>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  return results;
}
