import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { createProxyAgents, type ProxyAgents } from '../../network/proxy-agents.js';
import { ProxyRules } from '../../network/proxy-rules.js';
import { refuseKeyInClear } from '../bucket/key-in-clear.js';
import { abortError, connectError, idleError } from '../errors/network-errors.js';
import {
  type ExchangeOptions,
  type HttpResponse,
  pathOf,
  type SignedRequest,
  type TransportOptions,
} from './exchange.js';
import { keptIdleMs } from './get-connection.js';
import { GetPool } from './get-pool.js';
import { retryAfterMs } from './retry-after.js';
import { sendBody } from './send-body.js';
import { SendRate } from './send-rate.js';

/** `ExchangeOptions` in the SDK's types, which allow an older kind of signal too. */
interface HandlerOptions {
  readonly abortSignal?: unknown;
  readonly idleTimeoutMs?: number;
  readonly intoSlabs?: boolean;
  readonly isSmall?: boolean;
}

/** Failures without a success between them that mean an outage. */
const outageFailures = 8;

/**
 * Sends every request to S3: HTTP/1.1 over kept connections. Replaces the SDK's own handler because it sends
 * a body that is a list of chunks without copying it, checks each request before it leaves, slows down when
 * S3 asks for it, and never follows a redirect.
 */
export class S3Transport {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #options: TransportOptions;
  readonly #agents: ProxyAgents;
  readonly #pool: GetPool;
  /** Small requests do not wait for slow readers of objects. */
  readonly #smallPool: GetPool;
  readonly #rate: SendRate | null;
  #serverDate: string | null = null;
  #failuresInARow = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { ca, maxSockets, connectTimeoutMs, proxies = ProxyRules.none } = options;
    const shared = { keepAlive: true, noDelay: true, maxSockets, timeout: keptIdleMs };
    this.#agents = createProxyAgents({ proxies, ca, connectTimeoutMs, shared });
    this.#pool = new GetPool(options, this.#agents.tunnels);
    this.#smallPool = new GetPool(options, this.#agents.tunnels);
    this.#rate = options.clock === undefined ? null : new SendRate(options.clock);
  }

  /**
   * Resolves when the head of the response has arrived. Rejects with the socket's error, an AbortError, a
   * TimeoutError, or `throttled` when the request would have to wait too long for its turn.
   */
  async handle(request: SignedRequest, options: HandlerOptions = {}): Promise<{ response: HttpResponse }> {
    refuseKeyInClear(request);
    const exchange: ExchangeOptions = {
      idleTimeoutMs: options.idleTimeoutMs ?? this.#options.idleTimeoutMs,
      ...(options.abortSignal instanceof AbortSignal ? { abortSignal: options.abortSignal } : {}),
    };
    await this.#rate?.admit(exchange.abortSignal);
    let response: HttpResponse;
    try {
      response = await this.#send(request, exchange, options);
    } catch (error) {
      if (!exchange.abortSignal?.aborted) this.#failed();
      throw error;
    }
    const { statusCode } = response;
    const pauseMs = retryAfterMs(response.headers);
    if (statusCode === 503 || statusCode === 429) this.#rate?.answered(true, pauseMs);
    else if (statusCode >= 500 && statusCode !== 501) this.#failed(pauseMs);
    else {
      this.#failuresInARow = 0;
      this.#rate?.answered(false, 0);
    }
    this.#serverDate = response.headers['date'] ?? null;
    return { response };
  }

  #send(
    request: SignedRequest,
    exchange: ExchangeOptions,
    { intoSlabs, isSmall }: HandlerOptions,
  ): Promise<HttpResponse> {
    if (intoSlabs) return this.#pool.get(request, { ...exchange, intoSlabs });
    return isSmall ? this.#smallPool.get(request, exchange) : this.#exchange(request, exchange);
  }

  /**
   * Counts a broken connection or an error of the server. One of them says nothing about the load, but many
   * without a success between them count as refusals, so that the retries of an outage do not multiply.
   */
  #failed(pauseMs = 0): void {
    this.#failuresInARow += 1;
    if (this.#failuresInARow >= outageFailures) this.#rate?.answered(true, pauseMs);
  }

  /** The Date header of the last response; null when it had none. */
  get serverDate(): string | null {
    return this.#serverDate;
  }

  #exchange(request: SignedRequest, options: ExchangeOptions): Promise<HttpResponse> {
    const { abortSignal } = options;
    const idleTimeoutMs = options.idleTimeoutMs ?? this.#options.idleTimeoutMs;
    return new Promise((resolve, reject) => {
      if (abortSignal?.aborted) return reject(abortError(abortSignal));
      const outgoing = this.#open(request);
      const onAbort = () => {
        // A request that waits for its connection reports its end only afterwards.
        reject(abortError(abortSignal));
        outgoing.destroy(abortError(abortSignal));
      };
      abortSignal?.addEventListener('abort', onAbort, { once: true });
      outgoing.once('close', () => abortSignal?.removeEventListener('abort', onAbort));
      outgoing.once('error', reject);
      outgoing.once('timeout', () => outgoing.destroy(idleError(idleTimeoutMs)));
      outgoing.setTimeout(idleTimeoutMs);
      boundConnecting(outgoing, this.#options.connectTimeoutMs);
      outgoing.once('response', (incoming) => {
        // A response that arrives before the body is sent is a refusal. The rest of the body is not sent, and
        // the connection, in the middle of a request, cannot be used again.
        if (!outgoing.writableEnded) incoming.once('close', () => outgoing.destroy());
        incoming.once('error', () => outgoing.destroy());
        resolve(responseOf(incoming));
      });
      sendBody(outgoing, request.body);
    });
  }

  #open(request: SignedRequest): http.ClientRequest {
    const secure = request.protocol === 'https:';
    return (secure ? https : http).request({
      host: request.hostname.replace(/^\[|\]$/g, ''),
      port: request.port ?? (secure ? 443 : 80),
      method: request.method,
      path: pathOf(request),
      headers: { ...request.headers },
      agent: secure ? this.#agents.https : this.#agents.http,
    });
  }

  destroy(): void {
    this.#pool.destroy();
    this.#smallPool.destroy();
    this.#agents.destroy();
  }

  /** Required by the SDK's interface; changes nothing. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** Sockets whose connection is established. */
const established = new WeakSet<Socket>();

/**
 * Limits the time in ms in which the connection of a request is established. A request that waited for a connection in
 * use receives one that is established already; Node marks only idle ones as reused.
 */
function boundConnecting(outgoing: http.ClientRequest, connectTimeoutMs: number): void {
  outgoing.once('socket', (socket) => {
    if (outgoing.reusedSocket || established.has(socket)) return;
    const secure = socket instanceof TLSSocket;
    if (!secure && !socket.connecting) return;
    const ready = secure ? 'secureConnect' : 'connect';
    const timer = setTimeout(() => outgoing.destroy(connectError(connectTimeoutMs)), connectTimeoutMs);
    const stop = () => clearTimeout(timer);
    socket.once(ready, () => {
      established.add(socket);
      stop();
    });
    outgoing.once('close', stop);
  });
}

function responseOf(incoming: http.IncomingMessage): HttpResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return {
    statusCode: incoming.statusCode ?? 0,
    reason: incoming.statusMessage ?? '',
    headers,
    body: incoming,
  };
}
