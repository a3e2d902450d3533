import type { LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Creates the log of the console's process: JSON lines like those of the gateway, which reads them. */
export function createConsoleLog(write: (line: string) => void, more: LogFields = {}): Logger {
  const print = (level: Level) => (message: string, fields?: LogFields) => {
    const all = { ...more, ...fields };
    const shown = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, plain(value)]));
    const time = new Date().toISOString();
    write(`${JSON.stringify({ level, time, process: 'console', ...shown, msg: message })}\n`);
  };
  return {
    debug: () => undefined,
    info: print('info'),
    warn: print('warn'),
    error: print('error'),
    child: (fields) => createConsoleLog(write, { ...more, ...fields }),
  };
}

function plain(value: LogFields[string]): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message } = value;
  return value instanceof Fault ? { name, message, kind: value.kind } : { name, message, stack: value.stack };
}
