import { setMaxListeners } from 'node:events';
import type { Call, Entropy, Logger } from '../model/call.js';

/** Creates a call for the mirror's own work, which no client waits for. */
export function mirrorCall(signal: AbortSignal, entropy: Entropy, log: Logger): Call {
  // Every request of the call listens for the signal.
  setMaxListeners(0, signal);
  return { id: entropy.id(), signal, log };
}
