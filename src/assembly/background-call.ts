import { setMaxListeners } from 'node:events';
import type { Call, Entropy, Logger } from '../model/call.js';

/**
 * Returns the call of background work: startup checks and clean-up. Its request id is new, and `signal`
 * cancels it.
 */
export function backgroundCall(signal: AbortSignal, entropy: Entropy, log: Logger): Call {
  // Many requests may listen to one signal, so Node.js must not warn of a leak.
  setMaxListeners(0, signal);
  const id = entropy.id();
  return { id, signal, log: log.child({ request: id }) };
}
