/** What an exchange ends with when its caller gave up. */
export function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error('the request was aborted', { cause: signal?.reason }), {
    name: 'AbortError',
  });
}

export function idleError(idleTimeoutMs: number): Error {
  return timeoutError(`no byte in either direction for ${idleTimeoutMs} ms`);
}

export function connectError(connectTimeoutMs: number): Error {
  return timeoutError(`no connection within ${connectTimeoutMs} ms`);
}

/** A connection that ended before its answer was whole, or whose answer is no HTTP. */
export function brokenError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError' });
}
