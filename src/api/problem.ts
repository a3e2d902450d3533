import type { ServerResponse } from 'node:http';
import type { Fault, FaultKind } from '../model/fault.js';
import { Refusal, type WrongField } from './refusal.js';

/** The HTTP status of each kind of fault, and its title in a problem document. */
const answers: Record<FaultKind, { readonly status: number; readonly title: string }> = {
  invalid: { status: 400, title: 'Invalid request' },
  unauthenticated: { status: 401, title: 'Missing or wrong secret' },
  denied: { status: 403, title: 'Access denied' },
  'not-found': { status: 404, title: 'Not found' },
  exists: { status: 409, title: 'Already exists' },
  'not-empty': { status: 409, title: 'Not empty' },
  'not-directory': { status: 409, title: 'Not a directory' },
  'is-directory': { status: 409, title: 'Is a directory' },
  conflict: { status: 409, title: 'Changed by another client' },
  unsupported: { status: 405, title: 'Method not allowed' },
  'too-large': { status: 413, title: 'Message too large' },
  'over-quota': { status: 507, title: 'No space left' },
  'key-missing': { status: 403, title: 'Missing key' },
  'key-mismatch': { status: 403, title: 'Wrong key' },
  'sse-c-blocked': { status: 403, title: 'The bucket blocks customer keys' },
  corrupt: { status: 500, title: 'Damaged data' },
  throttled: { status: 503, title: 'Too many requests' },
  unavailable: { status: 503, title: 'Unavailable' },
  'timed-out': { status: 504, title: 'Timeout' },
  cancelled: { status: 503, title: 'Server is stopping' },
  bug: { status: 500, title: 'Internal error' },
};

/** Returns the HTTP status for a fault of this kind. */
export function httpStatusOf(kind: FaultKind): number {
  return answers[kind].status;
}

/** A problem document (RFC 9457). */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly kind: FaultKind;
  /** The request's id in the log. */
  readonly requestId: string;
  /** The wrong parts of the request. */
  readonly errors?: readonly WrongField[];
  /** The id of the request that now waits for a second person. */
  readonly approval?: string;
}

/** Titles of statuses that no kind of fault has. */
const titles: Readonly<Record<number, string>> = {
  408: 'Request too slow',
  412: 'Changed by another client',
  415: 'Unsupported content type',
  428: 'Precondition required',
  429: 'Too many requests',
  431: 'Headers too large',
};

/** Returns the problem document of a fault. */
export function problemOf(fault: Fault, requestId: string): Problem {
  const answer = answers[fault.kind];
  const { status, fields, approval } =
    fault instanceof Refusal ? fault : { status: null, fields: [], approval: null };
  return {
    type: 'about:blank',
    title: status === null ? answer.title : (titles[status] ?? answer.title),
    status: status ?? answer.status,
    detail: fault.hint,
    kind: fault.kind,
    requestId,
    ...(fields.length === 0 ? {} : { errors: fields }),
    ...(approval === null ? {} : { approval }),
  };
}

/**
 * Sends a problem document (RFC 9457). `requestId` is the request's id in the log. Closes the connection,
 * because the rest of the request may not have been read.
 */
export function sendProblem(
  response: ServerResponse,
  fault: Fault,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const document = problemOf(fault, requestId);
  const text = JSON.stringify(document);
  response.writeHead(document.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...headers,
  });
  response.end(text);
}
