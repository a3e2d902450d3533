import pino from 'pino';
import type { LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where the lines go; process.stderr fits. */
export interface LogSink {
  write(text: string): unknown;
}

/**
 * One line of JSON a record, ISO times. Errors are written with their kind, text, stack and causes, but without the
 * enumerable properties that foreign errors carry along: an SDK error holds its request, and the request the key.
 */
export function createLogger(level: LogLevel, sink: LogSink): Logger {
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void sink.write(line) },
  );
  return wrap(root);
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (message, fields) => log.debug(plain(fields), message),
    info: (message, fields) => log.info(plain(fields), message),
    warn: (message, fields) => log.warn(plain(fields), message),
    error: (message, fields) => log.error(plain(fields), message),
    child: (fields) => wrap(log.child(plain(fields))),
  };
}

function plain(fields: LogFields | undefined): Record<string, unknown> {
  if (fields === undefined) return {};
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    out[name] = value instanceof Error ? describeError(value, 0) : value;
  }
  return out;
}

const deepestCause = 4;

function describeError(error: Error, depth: number): Record<string, unknown> {
  const described: Record<string, unknown> = { name: error.name, message: error.message };
  if (error instanceof Fault) described['kind'] = error.kind;
  else described['stack'] = error.stack;
  if (error.cause instanceof Error && depth < deepestCause)
    described['cause'] = describeError(error.cause, depth + 1);
  return described;
}
