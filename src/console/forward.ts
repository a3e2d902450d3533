import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { filesCsrfHeader } from '../api/files-headers.js';
import { sessionHeader } from '../api/server/person.js';
import { Fault } from '../model/fault.js';

/** The headers that pass through. The console adds who sends a request; the client cannot. */
export interface ForwardedHeaders {
  /** Headers of a request that the gateway gets. */
  readonly request: readonly string[];
  /** Headers of the gateway's answer that the client gets. */
  readonly response: readonly string[];
}

const apiHeaders: ForwardedHeaders = {
  request: ['accept', 'content-type', 'idempotency-key', 'if-match', 'if-none-match'],
  response: [
    'cache-control',
    'content-disposition',
    'content-length',
    'content-security-policy',
    'content-type',
    'etag',
    'last-modified',
    'location',
    'retry-after',
    'x-request-id',
  ],
};

const tusHeaders = ['tus-resumable', 'upload-length', 'upload-offset'];

/** The headers of the files page: those of tus, and the cookie of its session. */
export const filesHeaders: ForwardedHeaders = {
  request: [
    ...['accept', 'content-type', 'sec-fetch-site'],
    ...[filesCsrfHeader, ...tusHeaders, 'upload-metadata'],
  ],
  response: [...apiHeaders.response, ...tusHeaders, 'upload-expires', 'accept-ranges', 'set-cookie'],
};

export interface ForwarderOptions {
  readonly headers?: ForwardedHeaders;
  /** Time without a byte of the gateway after which a request fails. */
  readonly silenceMs?: number;
}

/** The gateway answers a long operation with a job, so only transfers take longer, and they send bytes. */
const defaultSilenceMs = 120_000;
const maxSockets = 128;

/** Forwards requests to the gateway's socket. Bodies pass through as fast as the slower side takes them. */
export class Forwarder implements Disposable {
  readonly #socket: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets });
  readonly #headers: ForwardedHeaders;
  readonly #silenceMs: number;

  constructor(socket: string, { headers = apiHeaders, silenceMs = defaultSilenceMs }: ForwarderOptions = {}) {
    this.#socket = socket;
    this.#headers = headers;
    this.#silenceMs = silenceMs;
  }

  /**
   * Forwards one request with the `added` headers, such as those of its person, and sends the answer, with `headers`
   * beside the gateway's. `cookieOf` returns the header Set-Cookie for the secret of a session that has begun, or for
   * an empty one. Throws `unavailable` and `timed-out` while nothing was sent; later the connection breaks.
   */
  async forward(
    incoming: IncomingMessage,
    response: ServerResponse,
    added: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, number | string | string[] | undefined>>,
    cookieOf: ((secret: string) => string) | null = null,
  ): Promise<void> {
    // It may have left while its person was checked; then no event follows.
    if (incoming.destroyed || response.destroyed) throw new Fault('cancelled', 'the client disconnected');
    const aborted = new AbortController();
    const leave = () => {
      if (!response.writableFinished) aborted.abort();
    };
    response.once('close', leave);
    try {
      const answer = await this.#ask(incoming, added, aborted.signal);
      const status = answer.statusCode ?? 502;
      // Otherwise the rest of a body that the gateway refused would be taken for the next request.
      const closes = incoming.complete ? {} : { connection: 'close' };
      const session = answer.headers[sessionHeader];
      response.writeHead(status, {
        ...defined(headers),
        ...(typeof session === 'string' && cookieOf !== null ? { 'set-cookie': cookieOf(session) } : {}),
        ...chosen(answer.headers, this.#headers.response),
        ...closes,
      });
      await pipeline(answer, response);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      throw error;
    } finally {
      response.off('close', leave);
    }
  }

  #ask(
    incoming: IncomingMessage,
    added: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request({
        agent: this.#agent,
        socketPath: this.#socket,
        method: incoming.method,
        path: incoming.url,
        headers: { ...chosen(incoming.headers, this.#headers.request), ...framingOf(incoming), ...added },
        signal,
        timeout: this.#silenceMs,
      });
      asked.on('response', resolve);
      asked.on('timeout', () => asked.destroy(new Fault('timed-out', 'the gateway does not answer')));
      asked.on('error', (error) => reject(faultOf(error)));
      incoming.on('error', () => asked.destroy());
      incoming.on('aborted', () => asked.destroy());
      sendBody(incoming, asked);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/**
 * Returns the header that tells where the body ends. Without it, Node.js sends the body of a
 * GET or DELETE after the headers as it is, and the gateway would read it as a request of its own, with every right.
 */
function framingOf({ headers }: IncomingMessage): Record<string, string> {
  if (headers['transfer-encoding'] !== undefined) return { 'transfer-encoding': 'chunked' };
  const length = headers['content-length'];
  return length === undefined ? {} : { 'content-length': length };
}

/** Sends the body, if the request has one, and overwrites each piece then: a key that is imported is in it. */
function sendBody(incoming: IncomingMessage, asked: ClientRequest): void {
  if (Object.keys(framingOf(incoming)).length === 0) {
    asked.end();
    return;
  }
  incoming.on('data', (piece: Buffer) => {
    if (!asked.write(piece, () => piece.fill(0))) incoming.pause();
  });
  asked.on('drain', () => incoming.resume());
  incoming.on('end', () => asked.end());
}

function faultOf(error: Error): Fault {
  if (error instanceof Fault) return error;
  if (error.name === 'AbortError') return new Fault('cancelled', 'the client disconnected');
  return new Fault('unavailable', 'the gateway is not running, or refuses connections', { cause: error });
}

function chosen(
  headers: IncomingMessage['headers'],
  names: readonly string[],
): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function defined(
  headers: Readonly<Record<string, number | string | string[] | undefined>>,
): Record<string, number | string | string[]> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    number | string | string[]
  >;
}
