import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { xmlError } from '../xml.js';
import { ConnectionBound } from './connection-bound.js';
import { type ExchangeSettings, type Progress, serveExchange } from './exchange.js';

export interface ListenerBounds {
  /** Further connections take the slots of silent ones, or are closed. */
  readonly maxConnections: number;
  /** Closes a connection whose client does not act for this time. */
  readonly idleTimeoutMs: number;
  /** Total size of a request's headers. S3 itself accepts 8 KiB for a PUT. */
  readonly maxHeaderBytes: number;
}

/** The HTTP server: its connections, limits and shutdown. */
export class Listener {
  readonly #server: Server;
  readonly #connections: ConnectionBound;
  readonly #settings: ExchangeSettings;
  readonly #progress = new WeakMap<Socket, Set<Progress>>();
  readonly #exchanges = new Set<Promise<void>>();

  constructor(settings: ExchangeSettings, bounds: ListenerBounds) {
    this.#settings = settings;
    this.#server = createServer({
      maxHeaderSize: bounds.maxHeaderBytes,
      // An upload of 5 GiB may take long. Only silence is limited.
      requestTimeout: 0,
      headersTimeout: bounds.idleTimeoutMs,
      keepAliveTimeout: bounds.idleTimeoutMs,
      noDelay: true,
      keepAlive: true,
      highWaterMark: 256 * 1024,
    });
    this.#connections = new ConnectionBound(bounds.maxConnections, (socket) =>
      this.#progressOf(socket).some((progress) => progress.isAccepted),
    );
    this.#server.on('connection', (socket) => this.#connections.add(socket));
    this.#server.timeout = bounds.idleTimeoutMs;
    this.#server.on('request', (request, response) => this.#serve(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response, true));
    this.#server.on('checkExpectation', (_request, response: ServerResponse) => {
      response.writeHead(417, { connection: 'close' }).end();
    });
    this.#server.on('timeout', (socket) => this.#onSilence(socket, bounds.idleTimeoutMs));
    this.#server.on('clientError', (error, socket) => refuseMalformed(error, socket as Socket));
    this.#server.on('upgrade', (_request, socket) => socket.destroy());
    this.#server.on('connect', (_request, socket) => socket.destroy());
  }

  /** Resolves when it accepts connections. Rejects with the system's error, such as EADDRINUSE. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return address;
  }

  /**
   * Accepts no more connections and resolves when the current requests are done. After the timeout
   * it closes them.
   */
  async close(timeoutMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), timeoutMs);
    // A connection whose request has just ended becomes idle only now.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), 50);
    try {
      await closed;
      while (this.#exchanges.size > 0) await Promise.all(this.#exchanges);
    } finally {
      clearTimeout(timer);
      clearInterval(sweep);
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { socket } = request;
    const progress: Progress = { isWorking: false, isAccepted: false };
    const all = this.#progress.get(socket) ?? new Set<Progress>();
    this.#progress.set(socket, all.add(progress));
    // A reset connection fails its reads and writes. It must not end the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const accepted = (): void => {
      progress.isAccepted = true;
      this.#connections.use(socket);
    };
    const exchange = serveExchange(this.#settings, request, response, {
      expectsContinue,
      progress,
      accepted,
    });
    this.#exchanges.add(exchange);
    void exchange.finally(() => {
      all.delete(progress);
      if (progress.isAccepted) this.#connections.use(socket);
      this.#exchanges.delete(exchange);
    });
  }

  /** Returns the state of each request in progress on a connection. */
  #progressOf(socket: Socket): readonly Progress[] {
    return [...(this.#progress.get(socket) ?? [])];
  }

  #onSilence(socket: Socket, idleTimeoutMs: number): void {
    const isWorking = this.#progressOf(socket).some((progress) => progress.isWorking);
    if (isWorking) socket.setTimeout(idleTimeoutMs);
    else socket.destroy();
  }
}

function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const isOverflow = error.code === 'HPE_HEADER_OVERFLOW';
  const text = xmlError([
    ['Code', isOverflow ? 'RequestHeaderSectionTooLarge' : 'BadRequest'],
    [
      'Message',
      isOverflow
        ? 'Your request header section exceeds the maximum allowed request header section size.'
        : 'An error occurred when parsing the HTTP request.',
    ],
  ]);
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
