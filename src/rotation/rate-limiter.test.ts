import { expect, it } from 'vitest';
import type { Clock } from '../model/call.js';
import { RateLimiter } from './rate-limiter.js';

function clockThatCounts(): Clock & { waitedMs: number } {
  const clock = {
    waitedMs: 0,
    nowMs: () => clock.waitedMs,
    monotonicMs: () => clock.waitedMs,
    sleep: async (ms: number) => {
      clock.waitedMs += ms;
    },
  };
  return clock;
}

it.each([
  [{ objectsPerSecond: 10, bytesPerSecond: null }, 10, 900],
  [{ objectsPerSecond: null, bytesPerSecond: 1000 }, 10, 4500],
  [{ objectsPerSecond: 10, bytesPerSecond: 1000 }, 10, 4500],
  [{ objectsPerSecond: null, bytesPerSecond: null }, 1000, 0],
])('%o: %i copies of 500 bytes begin within %i ms', async (limits, copies, expectedMs) => {
  const clock = clockThatCounts();
  const pace = new RateLimiter(clock, { ...limits, parallel: 4 });
  for (let copy = 0; copy < copies; copy += 1) await pace.admit(500, new AbortController().signal);
  expect(Math.round(clock.waitedMs)).toBe(expectedMs);
});

it('has no burst after a pause, and no wait for the first copy', async () => {
  const clock = clockThatCounts();
  const waits: number[] = [];
  const counting = {
    ...clock,
    monotonicMs: () => clock.waitedMs,
    sleep: async (ms: number) => {
      waits.push(ms);
      clock.waitedMs += ms;
    },
  };
  const pace = new RateLimiter(counting, { objectsPerSecond: 10, bytesPerSecond: null, parallel: 4 });
  const { signal } = new AbortController();
  await pace.admit(1, signal);
  expect(waits).toEqual([]);
  clock.waitedMs += 10_000;
  for (let copy = 0; copy < 3; copy += 1) await pace.admit(1, signal);
  expect(waits).toEqual([100, 100]);
});
