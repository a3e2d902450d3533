import type { Call, Entropy, Logger } from '../model/call.js';

/** A call that nobody but the mirror waits for. */
export function mirrorCall(signal: AbortSignal, entropy: Entropy, log: Logger): Call {
  return { id: entropy.id(), signal, log };
}
