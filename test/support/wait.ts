import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls until the result is neither null nor false, and returns it. After the time limit, throws an error
 * that names `what`.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | false> | T | null | false,
  limitMs = 60_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(20);
  }
}

/** Returns a time limit in milliseconds for this moment: longer while other programs share the processors. */
export function underLoad(limitMs: number): number {
  return limitMs * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}
