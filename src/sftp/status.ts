import type { Call } from '../model/call.js';
import type { Fault, FaultKind } from '../model/fault.js';
import { type StatusCode, statusCode } from './wire/constants.js';
import { encodeStatus } from './wire/encode-response.js';

/** How loud the log is about a fault. `debug`: the client's own business, such as a name that is not there. */
type Loudness = 'debug' | 'info' | 'warn' | 'error';

interface Answer {
  readonly code: StatusCode;
  readonly log: Loudness;
  /** A person who sees only the code's own words would not know what to do. Off for what clients run into as a matter of course. */
  readonly explain: boolean;
}

/**
 * What a client and the log are told of each kind. Version 3 has few codes, and OpenSSH's client shows only the code's
 * own words, so each kind has the one whose words mislead least; the text carries the kind.
 */
const answers: Record<FaultKind, Answer> = {
  invalid: { code: statusCode.failure, log: 'debug', explain: true },
  unauthenticated: { code: statusCode.permissionDenied, log: 'info', explain: false },
  denied: { code: statusCode.permissionDenied, log: 'info', explain: true },
  'not-found': { code: statusCode.noSuchFile, log: 'debug', explain: false },
  exists: { code: statusCode.failure, log: 'debug', explain: false },
  'not-empty': { code: statusCode.failure, log: 'debug', explain: false },
  'not-directory': { code: statusCode.failure, log: 'debug', explain: false },
  'is-directory': { code: statusCode.failure, log: 'debug', explain: false },
  conflict: { code: statusCode.failure, log: 'info', explain: true },
  unsupported: { code: statusCode.unsupported, log: 'debug', explain: true },
  'too-large': { code: statusCode.failure, log: 'info', explain: true },
  'over-quota': { code: statusCode.failure, log: 'info', explain: true },
  'key-missing': { code: statusCode.permissionDenied, log: 'warn', explain: true },
  'key-mismatch': { code: statusCode.permissionDenied, log: 'warn', explain: true },
  'sse-c-blocked': { code: statusCode.permissionDenied, log: 'warn', explain: true },
  corrupt: { code: statusCode.failure, log: 'error', explain: true },
  throttled: { code: statusCode.failure, log: 'warn', explain: true },
  unavailable: { code: statusCode.failure, log: 'warn', explain: true },
  'timed-out': { code: statusCode.failure, log: 'warn', explain: true },
  cancelled: { code: statusCode.failure, log: 'debug', explain: false },
  bug: { code: statusCode.failure, log: 'error', explain: true },
};

/** The status code that a fault of this kind is answered with. */
export function statusCodeOf(kind: FaultKind): StatusCode {
  return answers[kind].code;
}

/** The STATUS that answers a fault: its hint, its kind, and the id under which the log knows the request. */
export function encodeFault(requestId: number, fault: Fault, call: Call): Uint8Array {
  return encodeStatus(requestId, answers[fault.kind].code, faultText(fault, call));
}

/**
 * What a person may read of a fault: the hint, with the files of the gateway by their last name only. The log has the
 * whole hint, under the request id.
 */
export function faultText(fault: Fault, call: Call): string {
  return `${withoutServerPaths(fault.hint)} [${fault.kind}, request ${call.id}]`;
}

/** The directories that users see; the tree may have no others. */
const userPath = /^\/(?:(?:uploads|local|downloads|shared)(?:\/.*)?)?$/;

/**
 * Replaces absolute paths outside the user's tree by their last name. Paths that the client named are quoted in hints,
 * so that a quoted path reveals nothing and is kept.
 */
function withoutServerPaths(text: string): string {
  const quotedOrPath = /"(?:[^"\\]|\\.)*"|(?<![A-Za-z0-9./_:-])\/[^\s"'`;,:)]*/g;
  return text.replace(quotedOrPath, (found) => {
    if (found.startsWith('"') || userPath.test(found.replace(/\.$/, ''))) return found;
    return found.slice(found.replace(/\/+$/, '').lastIndexOf('/') + 1);
  });
}

/** Whether the text is told beside the answer too, for clients that show only the code. */
export function shouldExplain(kind: FaultKind): boolean {
  return answers[kind].explain;
}

/** Logs a fault that a request was answered with. */
export function logFault(call: Call, request: string, fault: Fault): void {
  call.log[answers[fault.kind].log](`${request} failed: ${fault.hint}`, {
    kind: fault.kind,
    error: fault.cause instanceof Error ? fault.cause : undefined,
  });
}
