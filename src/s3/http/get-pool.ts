import { Readable } from 'node:stream';
import { abortError, connectError } from '../errors/network-errors.js';
import {
  type ExchangeOptions,
  type HttpResponse,
  pathOf,
  type SignedRequest,
  type TransportOptions,
} from './exchange.js';
import { type ConnectTo, type GetAnswer, GetConnection } from './get-connection.js';
import { SlabBody } from './slab-body.js';

/**
 * What the SDK takes for a stream: it passes one on unread, and nothing else. `slabs` is what is read; destroying the stream
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

/** The kept connections for reading objects, by the host they go to. */
export class GetPool {
  readonly #options: TransportOptions;
  readonly #idle = new Map<string, GetConnection[]>();
  readonly #open = new Set<GetConnection>();
  /** The connections that are open or about to be. */
  #places = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();
  readonly #sessions = new Map<string, Buffer>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Resolves when the head of the answer is there. Rejects with the socket's error, an AbortError or a TimeoutError. */
  async get(request: SignedRequest, options: ExchangeOptions): Promise<HttpResponse> {
    const head = requestHead(request);
    const to = this.#destination(request);
    const origin = `${to.secure}|${to.host}|${to.port}`;
    for (;;) {
      const kept = await this.#keptOrPlace(origin, options.abortSignal);
      const connection = kept ?? (await this.#connect(to, origin, options.abortSignal));
      try {
        return responseOf(await this.#exchange(connection, head, options));
      } catch (error) {
        // A kept connection that the server has closed meanwhile: the request has not been looked at.
        if (kept === null || connection.hasAnswered || options.abortSignal?.aborted) throw error;
        if (error instanceof Error && error.name === 'TimeoutError') throw error;
      }
    }
  }

  #destination(request: SignedRequest): ConnectTo {
    const secure = request.protocol === 'https:';
    const host = request.hostname.replace(/^\[|\]$/g, '');
    const port = request.port ?? (secure ? 443 : 80);
    return { secure, host, port, ca: this.#options.ca, session: this.#sessions.get(`${host}|${port}`) };
  }

  /** A kept connection; or null with a place taken for a new one, which may have to be waited for. */
  async #keptOrPlace(origin: string, signal: AbortSignal | undefined): Promise<GetConnection | null> {
    for (;;) {
      if (signal?.aborted) {
        // Whatever woke this one is another's now.
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

  /** Makes a place. False when every connection is in use. */
  #closeIdleElsewhere(): boolean {
    for (const idle of this.#idle.values()) {
      const spare = idle.shift();
      if (spare === undefined) continue;
      spare.destroy(new Error('its place is needed'));
      return true;
    }
    return false;
  }

  /** Resolves when a connection has become free or has gone, or the signal aborts. */
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
    const connection = this.#openConnection(to, origin);
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

  /** Into the place that was taken for it. */
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

  async #exchange(connection: GetConnection, head: string, options: ExchangeOptions): Promise<GetAnswer> {
    const { abortSignal, idleTimeoutMs = this.#options.idleTimeoutMs } = options;
    if (abortSignal?.aborted) {
      connection.destroy(abortError(abortSignal));
      throw abortError(abortSignal);
    }
    const onAbort = () => connection.destroy(abortError(abortSignal));
    abortSignal?.addEventListener('abort', onAbort, { once: true });
    return connection.send(head, idleTimeoutMs, () => abortSignal?.removeEventListener('abort', onAbort));
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

function requestHead(request: SignedRequest): string {
  const lines = [`${request.method} ${pathOf(request)} HTTP/1.1`];
  for (const [name, value] of Object.entries(request.headers)) lines.push(`${name}: ${value}`);
  for (const line of lines) {
    if (/[\r\n\0]/.test(line)) throw new Error('a request header has a line break');
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function responseOf({ head, body }: GetAnswer): HttpResponse {
  return {
    statusCode: head.statusCode,
    reason: head.reason,
    headers: head.headers,
    body: body instanceof SlabBody ? new SlabReadable(body) : body,
  };
}
