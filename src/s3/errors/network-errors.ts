/** Returns the error of a request that its caller has cancelled. */
export function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error('the request was aborted', { cause: signal?.reason }), {
    name: 'AbortError',
  });
}

/** Returns the error of a connection without traffic. */
export function idleError(idleTimeoutMs: number): Error {
  return timeoutError(`no byte in either direction for ${idleTimeoutMs} ms`);
}

/** Returns the error of a connection that took too long. */
export function connectError(connectTimeoutMs: number): Error {
  return timeoutError(`no connection within ${connectTimeoutMs} ms`);
}

/**
 * Returns the error of a connection that ended before its response was complete, or whose response is not
 * valid.
 */
export function brokenError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError' });
}
