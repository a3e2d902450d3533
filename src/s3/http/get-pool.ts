import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { ProxyRules } from '../../network/proxy-rules.js';
import { Tunnels } from '../../network/tunnel.js';
import { abortError, connectError } from '../errors/network-errors.js';
import {
  type ExchangeOptions,
  type HttpResponse,
  pathOf,
  type SignedRequest,
  type TransportOptions,
} from './exchange.js';
import { type ConnectTo, GetConnection, type GetResponse, type WholeRequest } from './get-connection.js';
import { isInMemory } from './send-body.js';
import { SlabBody } from './slab-body.js';

/**
 * A stream for the SDK, which passes on only streams unread. `slabs` has the bytes; destroying the stream
 * leaves the body.
 */
export class SlabReadable extends Readable {
  readonly slabs: SlabBody;

  constructor(slabs: SlabBody) {
    super({ read() {} });
    this.slabs = slabs;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void this.slabs.return();
    callback(error);
  }
}

/** Kept connections for reading objects or for small requests, by their host. */
export class GetPool {
  readonly #options: TransportOptions;
  readonly #proxies: ProxyRules;
  readonly #tunnels: Tunnels;
  readonly #idle = new Map<string, GetConnection[]>();
  readonly #open = new Set<GetConnection>();
  /** Connections that are open or being opened. */
  #places = 0;
  /** In the order of arrival. */
  readonly #waiting = new Set<() => void>();
  readonly #sessions = new Map<string, Buffer>();

  constructor(options: TransportOptions, tunnels = new Tunnels(options)) {
    this.#options = options;
    this.#proxies = options.proxies ?? ProxyRules.none;
    this.#tunnels = tunnels;
  }

  /**
   * Resolves when the response head has arrived. Rejects with the socket's error, an AbortError or a
   * TimeoutError.
   */
  async get(request: SignedRequest, options: ExchangeOptions): Promise<HttpResponse> {
    const whole = wholeRequest(request, options.intoSlabs === true);
    const to = this.#destination(request);
    const origin = `${to.secure}|${to.host}|${to.port}`;
    for (;;) {
      const kept = await this.#keptOrPlace(origin, options.abortSignal);
      const connection = kept ?? (await this.#connect(to, origin, options.abortSignal));
      try {
        await nextPoll();
        return responseOf(await this.#exchange(connection, whole, options));
      } catch (error) {
        // The server has closed a kept connection in the meantime, and did not process the request.
        if (kept === null || connection.hasResponded || options.abortSignal?.aborted) throw error;
        if (error instanceof Error && error.name === 'TimeoutError') throw error;
      }
    }
  }

  #destination(request: SignedRequest): ConnectTo {
    const secure = request.protocol === 'https:';
    const host = request.hostname.replace(/^\[|\]$/g, '');
    const port = request.port ?? (secure ? 443 : 80);
    const session = this.#sessions.get(`${host}|${port}`);
    return { secure, host, port, ca: this.#options.ca, session, tunnel: null };
  }

  /** Returns a kept connection; or null with a place reserved for a new one, when there is one. */
  async #keptOrPlace(origin: string, signal: AbortSignal | undefined): Promise<GetConnection | null> {
    for (;;) {
      if (signal?.aborted) {
        // The free place goes to the next one.
        this.#wakeNext();
        throw abortError(signal);
      }
      const kept = this.#takeIdle(origin);
      if (kept !== null) return kept;
      if (this.#places < this.#options.maxSockets) {
        this.#places += 1;
        return null;
      }
      if (!this.#closeIdleElsewhere()) await this.#turn(signal);
    }
  }

  #takeIdle(origin: string): GetConnection | null {
    const idle = this.#idle.get(origin) ?? [];
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) if (last.isOpen) return last;
    return null;
  }

  /** Frees a place. False when every connection is in use. */
  #closeIdleElsewhere(): boolean {
    for (const idle of this.#idle.values()) {
      const spare = idle.shift();
      if (spare === undefined) continue;
      spare.destroy(new Error('another host needs its place'));
      return true;
    }
    return false;
  }

  /** Resolves when a connection has become free or was closed, or the signal aborts. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }

  #wakeNext(): void {
    const [wake] = this.#waiting;
    wake?.();
  }

  async #connect(to: ConnectTo, origin: string, signal: AbortSignal | undefined): Promise<GetConnection> {
    const tunnel = await this.#openTunnel(to, signal);
    const connection = this.#openConnection({ ...to, tunnel }, origin);
    const { connectTimeoutMs } = this.#options;
    const timer = setTimeout(() => connection.destroy(connectError(connectTimeoutMs)), connectTimeoutMs);
    const onAbort = () => connection.destroy(abortError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await connection.connected();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    return connection;
  }

  /** Returns a tunnel in the reserved place; null for a direct connection. */
  async #openTunnel(to: ConnectTo, signal: AbortSignal | undefined): Promise<Socket | null> {
    const proxy = this.#proxies.proxyFor(to);
    if (proxy === null) return null;
    try {
      return await this.#tunnels.open(proxy, to, signal);
    } catch (error) {
      this.#places -= 1;
      this.#wakeNext();
      throw signal?.aborted ? abortError(signal) : error;
    }
  }

  /** Opens a connection in the reserved place. */
  #openConnection(to: ConnectTo, origin: string): GetConnection {
    try {
      const connection: GetConnection = new GetConnection(to, {
        idle: () => this.#keep(origin, connection),
        closed: () => this.#forget(connection),
        session: (session) => this.#sessions.set(`${to.host}|${to.port}`, session),
      });
      this.#open.add(connection);
      return connection;
    } catch (error) {
      this.#places -= 1;
      throw error;
    }
  }

  async #exchange(
    connection: GetConnection,
    request: WholeRequest,
    options: ExchangeOptions,
  ): Promise<GetResponse> {
    const { abortSignal, idleTimeoutMs = this.#options.idleTimeoutMs } = options;
    if (abortSignal?.aborted) {
      connection.destroy(abortError(abortSignal));
      throw abortError(abortSignal);
    }
    const onAbort = () => connection.destroy(abortError(abortSignal));
    abortSignal?.addEventListener('abort', onAbort, { once: true });
    return connection.send(request, idleTimeoutMs, () => abortSignal?.removeEventListener('abort', onAbort));
  }

  #keep(origin: string, connection: GetConnection): void {
    const idle = this.#idle.get(origin) ?? [];
    this.#idle.set(origin, idle);
    idle.push(connection);
    this.#wakeNext();
  }

  #forget(connection: GetConnection): void {
    if (!this.#open.delete(connection)) return;
    this.#places -= 1;
    for (const [origin, idle] of this.#idle) {
      const left = idle.filter((one) => one !== connection);
      if (left.length === 0) this.#idle.delete(origin);
      else this.#idle.set(origin, left);
    }
    this.#wakeNext();
  }

  destroy(): void {
    for (const connection of [...this.#open]) connection.destroy(new Error('the client was closed'));
  }
}

/**
 * Resolves after the event loop has polled its sockets once more. Bytes that the server sent before the
 * request are then read and have closed the connection, instead of being taken for the response.
 */
function nextPoll(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Puts a head and a small body into one buffer, so that they take one TLS record and one system call. */
function wholeRequest(request: SignedRequest, intoSlabs: boolean): WholeRequest {
  const head = requestHead(request);
  if (request.body === undefined) return { bytes: head, intoSlabs };
  if (!isInMemory(request.body)) throw new Error('only a body in memory can be sent with its head');
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), ...request.body.chunks]), intoSlabs };
}

function requestHead(request: SignedRequest): string {
  const lines = [`${request.method} ${pathOf(request)} HTTP/1.1`];
  for (const [name, value] of Object.entries(request.headers)) lines.push(`${name}: ${value}`);
  for (const line of lines) {
    // Other characters would be cut to a byte, which may be a line break.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(line))
      throw new Error('a request header has a character that HTTP does not allow');
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function responseOf({ head, body }: GetResponse): HttpResponse {
  return {
    statusCode: head.statusCode,
    reason: head.reason,
    headers: head.headers,
    body: body instanceof SlabBody ? new SlabReadable(body) : body,
  };
}
