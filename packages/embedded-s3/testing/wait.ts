import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer is neither null nor false, and returns it. Throws an Error that contains `what` after `limitMs`. */
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
