import type { Clock } from '../model/call.js';

/**
 * Returns a function with the answer of `work`, which is remembered for some milliseconds. Parallel callers share one
 * run. A failure is thrown and not remembered.
 */
export function remembered<T>(
  work: () => Promise<T>,
  ms: number,
  clock: Pick<Clock, 'monotonicMs'>,
): () => Promise<T> {
  let known: { readonly answer: T; readonly untilMs: number } | null = null;
  let running: Promise<T> | null = null;
  const run = async () => {
    try {
      const answer = await work();
      known = { answer, untilMs: clock.monotonicMs() + ms };
      return answer;
    } finally {
      running = null;
    }
  };
  return async () => {
    if (known !== null && clock.monotonicMs() < known.untilMs) return known.answer;
    running ??= run();
    return await running;
  };
}
