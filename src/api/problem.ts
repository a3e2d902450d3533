import type { ServerResponse } from 'node:http';
import type { Fault, FaultKind } from '../model/fault.js';

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
  const { status, title } = answers[fault.kind];
  const document = { type: 'about:blank', title, status, detail: fault.hint, kind: fault.kind, requestId };
  const text = JSON.stringify(document);
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...headers,
  });
  response.end(text);
}
