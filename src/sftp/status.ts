import type { Call } from '../model/call.js';
import type { Fault, FaultKind } from '../model/fault.js';
import { type StatusCode, statusCode } from './wire/constants.js';
import { encodeStatus } from './wire/encode-response.js';

/** How loud the log is about a fault. `debug`: the client's own business, such as a name that is not there. */
type Loudness = 'debug' | 'info' | 'warn' | 'error';

/**
 * What a client and the log are told of each kind. Version 3 has few codes, and OpenSSH's client shows only the code's
 * own words, so each kind has the one whose words mislead least; the text carries the kind.
 */
const answers: Record<FaultKind, { readonly code: StatusCode; readonly log: Loudness }> = {
  invalid: { code: statusCode.failure, log: 'debug' },
  unauthenticated: { code: statusCode.permissionDenied, log: 'info' },
  denied: { code: statusCode.permissionDenied, log: 'info' },
  'not-found': { code: statusCode.noSuchFile, log: 'debug' },
  exists: { code: statusCode.failure, log: 'debug' },
  'not-empty': { code: statusCode.failure, log: 'debug' },
  'not-directory': { code: statusCode.failure, log: 'debug' },
  'is-directory': { code: statusCode.failure, log: 'debug' },
  conflict: { code: statusCode.failure, log: 'info' },
  unsupported: { code: statusCode.unsupported, log: 'debug' },
  'too-large': { code: statusCode.failure, log: 'info' },
  'over-quota': { code: statusCode.failure, log: 'info' },
  'key-missing': { code: statusCode.permissionDenied, log: 'warn' },
  'key-mismatch': { code: statusCode.permissionDenied, log: 'warn' },
  'sse-c-blocked': { code: statusCode.permissionDenied, log: 'warn' },
  corrupt: { code: statusCode.failure, log: 'error' },
  throttled: { code: statusCode.failure, log: 'warn' },
  unavailable: { code: statusCode.failure, log: 'warn' },
  'timed-out': { code: statusCode.failure, log: 'warn' },
  cancelled: { code: statusCode.failure, log: 'debug' },
  bug: { code: statusCode.failure, log: 'error' },
};

/** The status code that a fault of this kind is answered with. */
export function statusCodeOf(kind: FaultKind): StatusCode {
  return answers[kind].code;
}

/** The STATUS that answers a fault: its hint, its kind, and the id under which the log knows the request. */
export function encodeFault(requestId: number, fault: Fault, call: Call): Uint8Array {
  const { code } = answers[fault.kind];
  return encodeStatus(requestId, code, `${fault.hint} [${fault.kind}, request ${call.id}]`);
}

/** Logs a fault that a request was answered with. */
export function logFault(call: Call, request: string, fault: Fault): void {
  call.log[answers[fault.kind].log](`${request} failed: ${fault.hint}`, {
    kind: fault.kind,
    error: fault.cause instanceof Error ? fault.cause : undefined,
  });
}
