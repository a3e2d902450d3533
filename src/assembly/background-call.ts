import { setMaxListeners } from 'node:events';
import type { Call, Entropy, Logger } from '../model/call.js';

/** The call of work that no client asked for: the checks at the start, clean-up. */
export function backgroundCall(signal: AbortSignal, entropy: Entropy, log: Logger): Call {
  // Many requests may hang on one signal; that is meant, and no leak.
  setMaxListeners(0, signal);
  const id = entropy.id();
  return { id, signal, log: log.child({ request: id }) };
}
