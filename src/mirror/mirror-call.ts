import { setMaxListeners } from 'node:events';
import type { Call, Entropy, Logger } from '../model/call.js';

/** A call that nobody but the mirror waits for. */
export function mirrorCall(signal: AbortSignal, entropy: Entropy, log: Logger): Call {
  // Every request on the way listens.
  setMaxListeners(0, signal);
  return { id: entropy.id(), signal, log };
}
