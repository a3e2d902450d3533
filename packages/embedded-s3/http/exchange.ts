import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate, type CredentialLookup, S3AuthError } from '../auth/authenticate.js';
import { ChecksumError } from '../checksums/checksum-error.js';
import { carriesCustomerKey } from '../encryption-headers.js';
import { internalError, invalidRequest, S3Error } from '../errors.js';
import type { Log } from '../log.js';
import type { ServerContext } from '../operations/context.js';
import { route } from '../router.js';
import { parseAddress } from './addressing.js';
import type { Headers, S3Request } from './request.js';
import { sendAnswer, sendError } from './send.js';

export interface ExchangeSettings {
  readonly server: ServerContext;
  readonly credentialsOf: CredentialLookup;
  readonly domains: readonly string[];
  readonly allowKeysOverPlainHttp: boolean;
  readonly log: Log;
}

/** State of a request for the idle timer and the bound of the connections. */
export interface Progress {
  /** True when the request was authenticated. */
  isAccepted: boolean;
  /** True while the server works and the client has nothing to do: the connection may be silent. */
  isWorking: boolean;
}

/** Properties of the connection of an exchange. */
export interface ExchangeState {
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  readonly progress: Progress;
  /** Called when the request is authenticated. */
  readonly accepted: () => void;
}

/** Serves one request. Never throws. */
export async function serveExchange(
  settings: ExchangeSettings,
  incoming: IncomingMessage,
  response: ServerResponse,
  { expectsContinue, progress, accepted }: ExchangeState,
): Promise<void> {
  const startedMs = performance.now();
  const requestId = randomBytes(8).toString('hex').toUpperCase();
  const hostId = randomBytes(24).toString('base64');
  response.setHeader('x-amz-request-id', requestId);
  response.setHeader('x-amz-id-2', hostId);
  const state = { isContinued: !expectsContinue, request: null as S3Request | null };
  let refusal: S3Error | null = null;
  try {
    progress.isWorking = true;
    state.request = await accept(settings, incoming, response, requestId, state, progress);
    accepted();
    const answer = await route(settings.server, state.request);
    progress.isWorking = false;
    await sendAnswer(incoming, response, answer);
  } catch (error) {
    progress.isWorking = false;
    refusal = toS3Error(error);
    if (refusal.status >= 500 && !isAnswer(error)) reportTrouble(settings.log, requestId, incoming, error);
    if (!response.headersSent && !response.destroyed) {
      const ids = { requestId, hostId, resource: pathOf(incoming) };
      await sendError(incoming, response, refusal, ids, state.isContinued).catch(() => response.destroy());
    }
  }
  settings.log({
    level: 'debug',
    message: 'request',
    requestId,
    method: incoming.method,
    bucket: state.request?.bucket,
    key: state.request?.key,
    status: response.statusCode,
    code: refusal?.code,
    durationMs: Math.round(performance.now() - startedMs),
  });
}

/** Authenticates and parses a request. */
async function accept(
  settings: ExchangeSettings,
  incoming: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  state: { isContinued: boolean },
  progress: Progress,
): Promise<S3Request> {
  const { server, credentialsOf, domains } = settings;
  const address = parseAddress(incoming.url ?? '/', incoming.headers.host, domains);
  const authenticated = await authenticate(incoming, credentialsOf, server.nowMs());
  const headers = mergeHeaders(authenticated.hoistedHeaders, incoming);
  const mayCarryKeys = settings.allowKeysOverPlainHttp || isLoopback(incoming.socket.remoteAddress);
  const carriesKey = carriesCustomerKey(headers) || carriesCustomerKey(headers, 'x-amz-copy-source-');
  if (carriesKey && !mayCarryKeys) {
    throw invalidRequest(
      'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
    );
  }
  const open = (): void => {
    if (!state.isContinued) response.writeContinue();
    state.isContinued = true;
  };
  return {
    requestId,
    method: incoming.method ?? '',
    bucket: address.bucket,
    key: address.key,
    query: address.query,
    headers,
    resource: address.resource,
    body: watched(authenticated.body, open, progress),
    contentLength: authenticated.decodedLength,
    trailers: () => authenticated.trailers(),
    contentEncoding: authenticated.contentEncoding,
  };
}

/**
 * Yields the body. Only now asks a client that waits for `100 Continue` to send it. The idle timer
 * runs while the client has to act.
 */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  open: () => void,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  open();
  progress.isWorking = false;
  try {
    for await (const chunk of body) {
      progress.isWorking = true;
      yield chunk;
      progress.isWorking = false;
    }
  } finally {
    progress.isWorking = true;
  }
}

function mergeHeaders(hoisted: Readonly<Record<string, string>>, incoming: IncomingMessage): Headers {
  const headers: Record<string, string> = { ...hoisted };
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

function pathOf(incoming: IncomingMessage): string {
  // Without the query: that of a presigned URL contains a signature.
  return (incoming.url ?? '/').replace(/\?.*$/s, '');
}

/** Returns true if the error was thrown as an answer (501 included), and not by a failure. */
function isAnswer(error: unknown): boolean {
  return error instanceof S3Error || error instanceof S3AuthError || error instanceof ChecksumError;
}

function toS3Error(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof S3AuthError) {
    return new S3Error(error.code, error.status, error.message, { details: error.details });
  }
  if (error instanceof ChecksumError) return new S3Error(error.code, error.status, error.message);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') {
    return new S3Error('InsufficientStorage', 507, "The disk that holds this server's data is full.");
  }
  // The client has interrupted its body and will not see an answer.
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new S3Error('IncompleteBody', 400, 'The connection was closed before the body was complete.');
  }
  return internalError();
}

function reportTrouble(log: Log, requestId: string, incoming: IncomingMessage, error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  log({
    level: 'error',
    message: 'internal error in a request',
    requestId,
    method: incoming.method,
    path: pathOf(incoming),
    error: `${name}: ${message}`,
    stack,
  });
}
