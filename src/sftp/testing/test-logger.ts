import { randomBytes } from 'node:crypto';
import type { Clock, Entropy, LogFields, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** Returns a logger that adds its lines to `lines`. */
export function recordingLogger(lines: LogLine[], fixed: LogFields = {}): Logger {
  const at = (level: LogLine['level']) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields: { ...fixed, ...fields } });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLogger(lines, { ...fixed, ...fields }),
  };
}

export const testClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new Fault('cancelled', 'the wait was cancelled'));
      });
    }),
};

export const testEntropy: Entropy = {
  bytes: (length) => randomBytes(length),
  id: () => randomBytes(8).toString('hex'),
};
