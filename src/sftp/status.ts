import type { Call } from '../model/call.js';
import type { Fault, FaultKind } from '../model/fault.js';
import { type StatusCode, statusCode } from './wire/constants.js';
import { encodeStatus } from './wire/encode-response.js';
import type { RequestType } from './wire/requests.js';

/** Log level of a fault. `debug` is for faults of normal use, such as a name that does not exist. */
type Loudness = 'debug' | 'info' | 'warn' | 'error';

interface Answer {
  readonly code: StatusCode;
  readonly log: Loudness;
  /**
   * True if the client's own text for the code is too little for a person. False for faults of normal use.
   */
  readonly explain: boolean;
}

/**
 * Status code and log level of each kind. Version 3 has few codes, and OpenSSH's client shows only its own
 * text for a code. Each kind has the code with the least misleading text; the message of the status names the
 * kind.
 */
const answers: Record<FaultKind, Answer> = {
  invalid: { code: statusCode.failure, log: 'debug', explain: true },
  unauthenticated: { code: statusCode.permissionDenied, log: 'info', explain: false },
  denied: { code: statusCode.permissionDenied, log: 'info', explain: true },
  'not-found': { code: statusCode.noSuchFile, log: 'debug', explain: false },
  exists: { code: statusCode.failure, log: 'debug', explain: true },
  'not-empty': { code: statusCode.failure, log: 'debug', explain: true },
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

/** Returns the status code for faults of this kind. */
export function statusCodeOf(kind: FaultKind): StatusCode {
  return answers[kind].code;
}

/**
 * Encodes the STATUS reply for a fault. Its message contains the hint, the kind and the id of the request in
 * the log.
 */
export function encodeFault(requestId: number, fault: Fault, call: Call): Uint8Array {
  return encodeStatus(requestId, answers[fault.kind].code, faultText(fault, call));
}

/**
 * Returns the text of a fault for the person at the client: the hint, with files of the gateway by their last name
 * only. The log has the whole hint under the request id.
 */
export function faultText(fault: Fault, call: Call): string {
  const known = fault.kind === 'not-found' ? noSuchFile : '';
  return `${known}${userText(fault)} [${fault.kind}, request ${call.id}]`;
}

/** Returns the hint of a fault for its user, with files of the gateway by their last name only. */
export function userText(fault: Fault): string {
  return withoutServerPaths(fault.userHint);
}

/** The words of other servers for a missing name. Programs that use paramiko, for example, compare the text with them. */
const noSuchFile = 'No such file: ';

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

/**
 * Returns true if the text is also shown outside the reply, for clients that show only the code. False for a
 * MKDIR of a name that exists: clients that copy a tree send it for every directory, and expect the refusal.
 */
export function shouldExplain(kind: FaultKind, request?: RequestType): boolean {
  return answers[kind].explain && !(kind === 'exists' && request === 'mkdir');
}

/** Logs the fault of a request. `request` is its type. */
export function logFault(
  call: Call,
  request: string,
  fault: Fault,
  message: 'SFTP request failed' | 'files page request failed' = 'SFTP request failed',
): void {
  call.log[answers[fault.kind].log](message, {
    operation: request,
    kind: fault.kind,
    reason: fault.hint,
    error: fault.cause instanceof Error ? fault.cause : undefined,
  });
}
