import type { LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { LogSink } from './logger.js';

/**
 * The log of a command at a terminal: warnings and errors only, one sentence a line, the same sentence once. The gateway's own log
 * (logger.ts) is for programs to read.
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

/** A fault's hint may be read by anybody; of any other error only the name is told. */
function reasonOf(fields: LogFields | undefined): string {
  const error = fields?.['error'];
  if (error instanceof Fault) return `: ${error.hint}`;
  return error instanceof Error ? `: ${error.name}` : '';
}
