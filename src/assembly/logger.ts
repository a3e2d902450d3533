import pino from 'pino';
import type { LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { formatLogLine } from './log-text.js';

/** The levels of the log, the lowest first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Receives the log, one line per call. `process.stderr` is one. */
export interface LogSink {
  write(text: string): unknown;
  /** True for a terminal: its lines are for people. */
  readonly isTTY?: boolean;
}

/**
 * Creates the gateway's log: one line per record, with ISO times. It is JSON, or text in colour if the sink
 * is a terminal. An error is written with its kind, text, stack and causes, but without the properties that
 * other libraries add: an SDK error holds its request, and the request the key.
 */
export function createLogger(level: LogLevel, sink: LogSink): Logger {
  const colour = process.env['NO_COLOR'] === undefined;
  const write =
    sink.isTTY === true
      ? (line: string) => void sink.write(formatLogLine(line, colour))
      : (line: string) => void sink.write(line);
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
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

const maxCauseDepth = 4;

function describeError(error: Error, depth: number): Record<string, unknown> {
  const described: Record<string, unknown> = { name: error.name, message: error.message };
  if (error instanceof Fault) described['kind'] = error.kind;
  else described['stack'] = error.stack;
  if (error.cause instanceof Error && depth < maxCauseDepth)
    described['cause'] = describeError(error.cause, depth + 1);
  return described;
}
