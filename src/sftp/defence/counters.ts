import { RateLimiterMemory } from 'rate-limiter-flexible';

/** Counts by key, each over a time window. A store that several gateways share can implement it. */
export interface Counters {
  /** Adds points to a key and returns the sum. The first points of a key start its window of `windowMs`. */
  add(key: string, points: number): Promise<number>;
  /** Resets the count of a key. */
  clear(key: string): Promise<void>;
}

/** Counters in this process. Beyond `maxKeys` the oldest key is forgotten. */
export function createMemoryCounters(windowMs: number, maxKeys: number): Counters {
  const durationSeconds = Math.max(1, Math.round(windowMs / 1_000));
  const limiter = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: durationSeconds });
  /** In the order of the first points. A key that expired stays until it is the oldest. */
  const keys = new Set<string>();
  const clear = async (key: string) => {
    keys.delete(key);
    await limiter.delete(key);
  };
  return {
    clear,
    async add(key, points) {
      const { consumedPoints, isFirstInDuration } = await limiter.penalty(key, points);
      if (isFirstInDuration) {
        keys.delete(key);
        keys.add(key);
        const [oldest] = keys;
        if (keys.size > maxKeys && oldest !== undefined) await clear(oldest);
      }
      return consumedPoints;
    },
  };
}
