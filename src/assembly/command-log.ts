import type { LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { LogSink } from './logger.js';

/**
 * Creates the log of a command. It prints only warnings and errors, one sentence per line, and each sentence
 * once. The gateway's own log (logger.ts) is for programs.
 */
export function createCommandLog(sink: LogSink): Logger {
  const printed = new Set<string>();
  const print = (severity: 'warning' | 'error') => (message: string, fields?: LogFields) => {
    const line = `${severity}: ${message}${reasonOf(fields)}\n`;
    if (printed.has(line)) return;
    printed.add(line);
    sink.write(line);
  };
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: print('warning'),
    error: print('error'),
    child: () => log,
  };
  return log;
}

/** Returns the hint of a fault, which is safe to print, or the name of any other error. */
function reasonOf(fields: LogFields | undefined): string {
  const error = fields?.['error'];
  if (error instanceof Fault) return `: ${error.hint}`;
  return error instanceof Error ? `: ${error.name}` : '';
}
