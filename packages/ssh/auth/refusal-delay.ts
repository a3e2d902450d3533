import type { Clock } from '../transport/clock.js';

/**
 * Returns how long a refusal waits: until `minMs`, or the next power of two times it, has passed since the request. Refusals whose work
 * differs by less than that take the same time, as in OpenSSH (auth2.c, `ensure_minimum_time_since`).
 */
export function refusalDelayMs(elapsedMs: number, minMs: number): number {
  if (minMs <= 0) return 0;
  const steps = Math.max(0, Math.ceil(Math.log2(elapsedMs / minMs)));
  return Math.max(0, minMs * 2 ** steps - elapsedMs);
}

/** Resolves after the time. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    // Timers drop fractions of a millisecond.
    clock.after(Math.ceil(delayMs), resolve);
  });
}
