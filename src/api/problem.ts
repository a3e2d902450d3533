import type { ServerResponse } from 'node:http';
import type { Fault, FaultKind } from '../model/fault.js';

/** How each kind of trouble is answered: the status, and its title in a problem document. */
const answers: Record<FaultKind, { readonly status: number; readonly title: string }> = {
  invalid: { status: 400, title: 'The request is not understood' },
  unauthenticated: { status: 401, title: 'The secret is missing or wrong' },
  denied: { status: 403, title: 'Not allowed' },
  'not-found': { status: 404, title: 'There is nothing at this path' },
  exists: { status: 409, title: 'It exists already' },
  'not-empty': { status: 409, title: 'It is not empty' },
  'not-directory': { status: 409, title: 'It is no directory' },
  'is-directory': { status: 409, title: 'It is a directory' },
  conflict: { status: 409, title: 'It was changed meanwhile' },
  unsupported: { status: 405, title: 'This method is not for this path' },
  'too-large': { status: 413, title: 'The message is too large' },
  'over-quota': { status: 507, title: 'There is no room' },
  'key-missing': { status: 403, title: 'A key is missing' },
  'key-mismatch': { status: 403, title: 'The key is another one' },
  'sse-c-blocked': { status: 403, title: 'The bucket blocks customer keys' },
  corrupt: { status: 500, title: 'The data is damaged' },
  throttled: { status: 503, title: 'Too many requests' },
  unavailable: { status: 503, title: 'Not available now' },
  'timed-out': { status: 504, title: 'It took too long' },
  cancelled: { status: 503, title: 'The server is stopping' },
  bug: { status: 500, title: 'An internal error' },
};

/** The HTTP status that a fault of this kind is answered with. */
export function httpStatusOf(kind: FaultKind): number {
  return answers[kind].status;
}

/**
 * Answers with a problem document (RFC 9457). `requestId` is what the log knows the request by. The connection ends with
 * it: what else the client has sent may not have been read.
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
