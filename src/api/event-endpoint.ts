import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { EventSink } from '../events/event-sink.js';
import { type EventMessage, maxMessageBytes, parseEvents } from '../events/parse-event.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { type Measures, noMeasures } from '../model/measures.js';
import { EventSecret } from './event-secret.js';
import { healthPath, sendHealth } from './health.js';
import { presentedSecrets } from './presented-secrets.js';
import { sendProblem } from './problem.js';
import { RateLimitedWarnings } from './rate-limited-warnings.js';
import { drainRequest, readBody } from './request-body.js';
import { type ConnectionBounds, SenderConnections } from './sender-connections.js';

/** The address and secrets, and the dependencies of the endpoint. */
export interface EventEndpointOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** A file with the accepted secrets, one per line. Must not be readable by others. */
  readonly secretFile: string;
  readonly sink: EventSink;
  /** Counts refused messages. Nothing by default. */
  readonly measures?: Pick<Measures, 'eventFailed'>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A running endpoint. */
export interface EventEndpoint extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** Accepts no more messages. Resolves when the current ones are answered. */
  close(): Promise<void>;
}

/** The path for event messages. */
export const eventsPath = '/events/s3';

/** The senders are a few S3 servers and proxies. */
const connectionBounds: ConnectionBounds = { strangersPerAddress: 32, strangers: 128, senders: 128 };
/** The client may read the refusal for this time; then its connection is destroyed. */
const lingerMs = 1_000;
const timeoutCheckMs = 1_000;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
/** Ceph keeps its connections open. A new one per event would cost more than the event. */
const keepAliveTimeoutMs = 75_000;
const closeTimeoutMs = 5_000;

/**
 * Starts the endpoint. `POST /events/s3` accepts one event message in any form that `parseEvents` knows, and
 * returns 204 after the sink has received it. `GET /healthz` returns 200 without authentication. The endpoint
 * speaks plain HTTP: requests from other machines need a TLS proxy. Throws `invalid` for the secret file, and
 * `unavailable` if it cannot listen.
 */
export async function startEventEndpoint(options: EventEndpointOptions): Promise<EventEndpoint> {
  const endpoint = new Endpoint(options);
  await endpoint.start();
  return endpoint;
}

class Endpoint implements EventEndpoint {
  readonly #options: EventEndpointOptions;
  readonly #secret: EventSecret;
  readonly #warnings: RateLimitedWarnings;
  readonly #server: Server;
  readonly #connections = new SenderConnections(connectionBounds);
  #closing: Promise<void> | null = null;

  constructor(options: EventEndpointOptions) {
    this.#options = options;
    this.#secret = new EventSecret(options.secretFile);
    this.#warnings = new RateLimitedWarnings(options.log, options.clock);
    this.#server = createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveTimeout: keepAliveTimeoutMs,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: timeoutCheckMs,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.on('connection', (socket) => this.#connections.add(socket));
    this.#server.on('clientError', (_error, socket) => refuseMalformed(socket as Socket));
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    await this.#secret.check();
    try {
      this.#server.listen(port, host);
      await once(this.#server, 'listening');
    } catch (error) {
      throw new Fault('unavailable', `the endpoint for events cannot listen on ${host}:${port}`, {
        cause: error,
      });
    }
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Fault('bug', 'the endpoint is closed');
    return { host: address.address, port: address.port };
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), closeTimeoutMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Answers one request, with a problem document if it fails. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = this.#options.entropy.id();
    const progress = { isAuthenticated: false };
    response.on('error', () => undefined);
    try {
      await this.#answer(request, response, requestId, progress);
    } catch (error) {
      // The client disconnected during its request, so no answer is possible.
      if (request.destroyed && !request.complete) return;
      const fault = Fault.from(error);
      this.#logRefusal(request, requestId, fault);
      if (response.headersSent) response.destroy();
      else if (progress.isAuthenticated) await refuse(request, response, requestId, fault);
      else refuseStranger(request, response, requestId, fault);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    progress: { isAuthenticated: boolean },
  ): Promise<void> {
    const url = requestUrl(request);
    if (url.pathname === healthPath) {
      if (request.method !== 'GET' && request.method !== 'HEAD') throw wrongMethod();
      sendHealth(response);
      return;
    }
    if (url.pathname !== eventsPath)
      throw new Fault('not-found', `unknown path; send events to ${eventsPath}`);
    if (request.method !== 'POST') throw wrongMethod();
    await this.#authenticate(request, url);
    progress.isAuthenticated = true;
    this.#connections.accept(request.socket);
    const message = parseEvents(await readBody(request, maxMessageBytes));
    this.#take(message, requestId, request);
    if (this.#closing !== null) response.setHeader('connection', 'close');
    response.writeHead(204).end();
  }

  async #authenticate(request: IncomingMessage, url: URL): Promise<void> {
    const presented = presentedSecrets(request.headers.authorization, url.searchParams);
    let isAccepted: boolean;
    try {
      isAccepted = await this.#secret.accepts(presented);
    } catch (error) {
      // The answer does not reveal the file's path to the sender. The log has it.
      throw new Fault('unavailable', 'the secret of this endpoint cannot be read; see the gateway log', {
        cause: error,
      });
    }
    if (isAccepted) return;
    const hint =
      presented.length === 0
        ? 'send the secret as "Authorization: Bearer SECRET", as the password in the URL, or as ?secret='
        : 'this endpoint does not accept the secret';
    throw new Fault('unauthenticated', hint);
  }

  #take(message: EventMessage, requestId: string, request: IncomingMessage): void {
    const { sink, log } = this.#options;
    const remote = request.socket.remoteAddress;
    switch (message.kind) {
      case 'objects':
        for (const { bucket, key } of message.objects) sink.keyChanged(bucket, key);
        if (message.malformed > 0) {
          this.#warnings.warn('event message has malformed records', { requestId, remote });
        }
        log.debug('event message', { requestId, objects: message.objects.length });
        return;
      case 'test':
        log.info('received S3 test event', { requestId, remote });
        return;
      case 'subscription':
        log.warn('SNS subscription needs confirmation: open the address', {
          requestId,
          address: message.confirmUrl,
        });
        return;
      case 'unknown':
        throw new Fault('invalid', message.reason);
    }
  }

  #logRefusal(request: IncomingMessage, requestId: string, fault: Fault): void {
    const { log, measures = noMeasures } = this.#options;
    measures.eventFailed('endpoint');
    const cause = fault.cause instanceof Error ? fault.cause : undefined;
    // Omits the requested URL, which may contain the secret.
    const fields = { requestId, remote: request.socket.remoteAddress, kind: fault.kind, error: cause };
    if (fault.kind === 'bug') log.error('cannot process event message', fields);
    else if (fault.kind === 'not-found' || fault.kind === 'unsupported')
      log.debug('request refused', { ...fields, reason: fault.hint });
    else this.#warnings.warn('event message refused', { ...fields, reason: fault.hint });
  }
}

/** Answers a sender with the secret, whose next request may use the same connection. */
async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  fault: Fault,
): Promise<void> {
  await drainRequest(request, maxMessageBytes);
  sendProblem(response, fault, requestId, furtherHeaders(request, fault));
}

/** Answers a request without the secret before its body, and destroys the connection. */
function refuseStranger(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  fault: Fault,
): void {
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  // The client may be sending its body. Unread bytes would reset the connection before it sees the answer.
  request.resume();
  sendProblem(response, fault, requestId, furtherHeaders(request, fault));
}

function wrongMethod(): Fault {
  return new Fault('unsupported', `POST events to ${eventsPath}, GET ${healthPath}`);
}

/** Parses the requested path, ignoring the host. Throws `invalid`. */
function requestUrl(request: IncomingMessage): URL {
  const target = request.url ?? '';
  if (!target.startsWith('/') || !URL.canParse(`http://host${target}`)) {
    throw new Fault('invalid', 'the request target is not a path');
  }
  return new URL(`http://host${target}`);
}

/** Returns the headers that the statuses 401 and 405 require (RFC 9110 sections 11.6.1 and 10.2.1). */
function furtherHeaders(request: IncomingMessage, fault: Fault): Readonly<Record<string, string>> {
  if (fault.kind === 'unauthenticated') {
    return { 'www-authenticate': 'Bearer realm="events", Basic realm="events"' };
  }
  if (fault.kind !== 'unsupported') return {};
  return { allow: request.url?.startsWith(healthPath) === true ? 'GET, HEAD' : 'POST' };
}

/** Answers bytes that are not HTTP, for which there is no request object. */
function refuseMalformed(socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
}
