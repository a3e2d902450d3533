import { Fault } from '../model/fault.js';

/**
 * The rule for cancelling, in all of this folder:
 *
 * 1. A signal ends waiting, not work. A caller whose signal aborts while it waits gets a `cancelled` fault and holds
 *    nothing; the next waiter takes its turn.
 * 2. Work that has begun is never abandoned. A function settles only after all work that it began has settled. Work that
 *    should end early watches the signal itself.
 * 3. After the first failure or cancellation no further work begins, and the first failure is thrown.
 * 4. Without a signal a wait cannot be cancelled.
 */
export function throwIfAborted(signal: AbortSignal | null): void {
  if (signal?.aborted) throw interrupted();
}

/** Returns the fault of a wait that was cancelled. */
export function interrupted(): Fault {
  return new Fault('cancelled', 'interrupted');
}

/** Resolves when the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
