import { randomBytes, randomFillSync } from 'node:crypto';
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

/** Bytes of one id. */
const idBytes = 8;
/** Random bytes for the next ids: one call of the generator costs more than the bytes of many ids. */
const idPool = Buffer.alloc(512 * idBytes);
let idPoolUsed = idPool.byteLength;

function nextId(): string {
  if (idPoolUsed === idPool.byteLength) {
    randomFillSync(idPool);
    idPoolUsed = 0;
  }
  idPoolUsed += idBytes;
  return idPool.toString('hex', idPoolUsed - idBytes, idPoolUsed);
}

/** The kernel's random generator. */
export const systemEntropy: Entropy = {
  bytes: (length) => randomBytes(length),
  id: nextId,
};
