import { forEachBounded } from './bounded.js';

/**
 * Runs `work` for each item, at most `parallel` at a time, in batches of `batchSize`. `settled` receives each batch, in
 * order, after all of it has been worked on; the next batch begins after that. The first failure ends everything
 * (abort.ts): its batch is not settled.
 */
export async function forEachInBatches<T>(
  items: AsyncIterable<T>,
  parallel: number,
  batchSize: number,
  work: (item: T) => Promise<void>,
  settled: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  let batch: T[] = [];
  const finish = async (): Promise<void> => {
    await forEachBounded(null, batch, parallel, work);
    await settled(batch);
    batch = [];
  };
  for await (const item of items) {
    batch.push(item);
    if (batch.length >= batchSize) await finish();
  }
  if (batch.length > 0) await finish();
}
