import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { Semaphore } from '../concurrency/semaphore.js';
import { Fault, type FaultKind, type HidingCause } from '../model/fault.js';
import { authority, type HttpProxy } from './http-proxy.js';
import type { Destination } from './proxy-rules.js';

/** Options of the connections through proxies. */
export interface TunnelOptions {
  /** Certificates to trust, in PEM, for a proxy with TLS too; null means those of the system. */
  readonly ca: readonly string[] | null;
  /** Max time until the proxy has connected, in ms. */
  readonly connectTimeoutMs: number;
}

/** Max tunnels that are being opened in parallel; more wait, within their time. */
const maxOpening = 64;

/** Opens tunnels through proxies: connections that a proxy passes on unchanged. */
export class Tunnels {
  readonly #options: TunnelOptions;
  readonly #places = new Semaphore(maxOpening);
  readonly #closed = new AbortController();

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  /**
   * Resolves with a connection to the destination. Throws `denied` if the proxy refuses, `unavailable` or
   * `timed-out` if it cannot connect, `invalid` if its certificate is not trusted. The texts name no password.
   * Rejects with the reason of `signal` when it aborts.
   */
  async open(proxy: HttpProxy, to: Destination, signal?: AbortSignal): Promise<Socket> {
    const timeout = AbortSignal.timeout(this.#options.connectTimeoutMs);
    const ends = [timeout, this.#closed.signal, ...(signal === undefined ? [] : [signal])];
    const stop = AbortSignal.any(ends);
    try {
      const release = await this.#places.acquire(1, stop);
      try {
        return await connect(proxy, to, this.#options, stop);
      } finally {
        release();
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (timeout.aborted)
        throw fault('timed-out', proxy, to, (via, end) => `${via} did not connect to ${end} in time`);
      throw error;
    }
  }

  /** Ends the attempts to open tunnels. */
  destroy(): void {
    this.#closed.abort();
  }
}

function connect(
  proxy: HttpProxy,
  to: Destination,
  { ca }: TunnelOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const path = authority(to.host, to.port);
  return new Promise((resolve, reject) => {
    const request = (proxy.secure ? https : http).request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path,
      headers: { host: path, connection: 'keep-alive', 'proxy-connection': 'keep-alive', ...proxy.headers() },
      agent: false,
      signal,
      ...(ca === null ? {} : { ca: [...ca] }),
    });
    request.once('error', (error) => reject(unreachable(error, proxy, to)));
    request.once('connect', (response, socket, head) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300 && head.byteLength === 0) return resolve(opened(socket));
      socket.destroy();
      reject(refused(status, proxy, to));
    });
    request.end();
  });
}

/** The connection's next owner handles its errors; until then they must not end the process. */
function opened(socket: Socket): Socket {
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  return socket;
}

function refused(status: number, proxy: HttpProxy, to: Destination): Fault {
  if (status === 407) {
    const { variable, hasCredentials } = proxy;
    return fault('denied', proxy, to, (via) =>
      hasCredentials
        ? `${via} does not accept the user name and password in ${variable} (HTTP status 407)`
        : `${via} requires a user name and password (HTTP status 407); add them to the URL in ${variable}`,
    );
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    return fault(
      'denied',
      proxy,
      to,
      (via, end) =>
        `${via} refuses connections to ${end} (HTTP status ${status}); allow them there, or add the host to NO_PROXY`,
    );
  return fault(
    'unavailable',
    proxy,
    to,
    (via, end) => `${via} cannot connect to ${end} (HTTP status ${status})`,
  );
}

const certificateErrors = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|HOSTNAME_MISMATCH/;

function unreachable(error: Error, proxy: HttpProxy, to: Destination): Fault {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (certificateErrors.test(code))
    return fault('invalid', proxy, to, (via) => `the certificate of ${via} is not trusted (${code})`);
  return fault('unavailable', proxy, to, (via) => `${via} cannot be reached (${code})`);
}

/** Hides the names of the proxy and of the destination from users. */
class ProxyError extends Error implements HidingCause {
  readonly #names: readonly (readonly [string, string])[];

  constructor(message: string, names: readonly (readonly [string, string])[]) {
    super(message);
    this.name = 'ProxyError';
    this.#names = names;
  }

  hideNames(text: string): string {
    return this.#names.reduce((shown, [name, instead]) => shown.replaceAll(name, instead), text);
  }
}

function fault(
  kind: FaultKind,
  proxy: HttpProxy,
  to: Destination,
  text: (via: string, end: string) => string,
): Fault {
  const via = `the proxy ${proxy.address}`;
  const end = authority(to.host, to.port);
  const hint = text(via, end);
  const cause = new ProxyError(hint, [
    [via, 'the proxy'],
    [end, 'the server'],
  ]);
  return new Fault(kind, hint, { cause });
}
