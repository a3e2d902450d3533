import { randomBytes } from 'node:crypto';
import type { Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      const cancelled = () => {
        clearTimeout(timer);
        reject(new Fault('cancelled', 'the wait was cancelled'));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cancelled);
        resolve();
      }, ms);
      if (signal?.aborted) cancelled();
      else signal?.addEventListener('abort', cancelled, { once: true });
    });
  },
};

/** The kernel's random generator. */
export const systemEntropy: Entropy = {
  bytes: (length) => randomBytes(length),
  id: () => randomBytes(8).toString('hex'),
};
