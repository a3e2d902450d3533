import { setTimeout as pause } from 'node:timers/promises';
import { isLostConnection } from './errors.js';

const firstPauseMs = 25;
const maxPauseMs = 1_000;

/**
 * Runs `attempt` again while it fails because the connection is lost, for `waitMs` milliseconds. Rejects with its
 * last error after that time, when `signal` aborts, and at once for other errors.
 */
export async function persist<T>(waitMs: number, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + waitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      const leftMs = endMs - performance.now();
      if (!isLostConnection(error) || leftMs <= 0 || signal.aborted) throw error;
      await pause(Math.min(pauseMs, leftMs), undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}
