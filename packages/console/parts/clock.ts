import { useSyncExternalStore } from 'react';

const tickMs = 10_000;
let now = new Date();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = new Date();
    for (const each of listeners) each();
  }, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

function current(): Date {
  // Without listeners nothing moves the clock.
  if (timer === null) now = new Date();
  return now;
}

/** Returns the time, at most 10 seconds old. One timer serves all relative times of a page. */
export function useNow(): Date {
  return useSyncExternalStore(subscribe, current);
}
