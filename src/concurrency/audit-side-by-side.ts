/**
 * Works on what comes, at most `parallel` at a time. `settled` hears of each batch of `batchSize`, in order, when all of it is done. The first
 * fault ends it, after what is under way.
 */
export async function sideBySide<T>(
  source: AsyncIterable<T>,
  parallel: number,
  batchSize: number,
  work: (one: T) => Promise<void>,
  settled: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  let batch: T[] = [];
  for await (const one of source) {
    batch.push(one);
    if (batch.length < batchSize) continue;
    await workOn(batch, parallel, work);
    await settled(batch);
    batch = [];
  }
  if (batch.length === 0) return;
  await workOn(batch, parallel, work);
  await settled(batch);
}

async function workOn<T>(
  batch: readonly T[],
  parallel: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let isFailed = false;
  const worker = async () => {
    for (let one = batch[next]; one !== undefined && !isFailed; one = batch[next]) {
      next += 1;
      try {
        await work(one);
      } catch (error) {
        isFailed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(parallel, batch.length) }, worker));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
