import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

/** Action of the proxy on one request. */
export type ProxyAction =
  | { readonly do: 'pass' }
  /**
   * Closes the connection after this number of bytes of the request's body. The server does not see the
   * request.
   */
  | { readonly do: 'reset'; readonly afterBodyBytes?: number }
  /** Forwards the request, and closes the connection instead of answering. */
  | { readonly do: 'lose-answer' }
  /** Closes the connection after this number of bytes of the response body. */
  | { readonly do: 'cut-answer'; readonly afterBodyBytes: number }
  /** Answers at once with this response, without reading the request's body. */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Changes headers of the server's response; null removes one. */
  | { readonly do: 'change-headers'; readonly headers: Readonly<Record<string, string | null>> }
  /** Never answers. */
  | { readonly do: 'hang' };

/** A request that the proxy has received. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** An HTTP proxy on loopback in front of an S3 server, which injects the faults that a test chooses. */
export class FaultProxy implements AsyncDisposable {
  /** Called for every request, in order. */
  decide: (request: SeenRequest) => ProxyAction = () => ({ do: 'pass' });
  readonly seen: SeenRequest[] = [];
  /** The number of TCP connections that the proxy has accepted. */
  connections = 0;
  readonly #server = http.createServer((request, response) => this.#serve(request, response));
  readonly #upstream: URL;
  readonly #agent: http.Agent;

  private constructor(upstream: URL, agent: http.Agent) {
    this.#upstream = upstream;
    this.#agent = agent;
    this.#server.on('connection', () => {
      this.connections += 1;
    });
  }

  static async start(upstream: string, caFile: string | null): Promise<FaultProxy> {
    const url = new URL(upstream);
    const agent =
      url.protocol === 'https:'
        ? new https.Agent({ keepAlive: true, ...(caFile === null ? {} : { ca: readFileSync(caFile) }) })
        : new http.Agent({ keepAlive: true });
    const proxy = new FaultProxy(url, agent);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Applies the actions to the next matching requests, one each. All other requests pass. */
  script(matches: (request: SeenRequest) => boolean, ...actions: readonly ProxyAction[]): void {
    const left = [...actions];
    this.decide = (request) => (matches(request) ? left.shift() : undefined) ?? { do: 'pass' };
  }

  /** Returns the number of open connections to the proxy. */
  openConnections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  /** Closes the idle connections, as a server does after a timeout. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    this.seen.push(seen);
    const action = this.decide(seen);
    if (action.do === 'hang') return;
    if (action.do === 'answer') {
      response.writeHead(action.status, { 'content-type': 'application/xml', ...action.headers });
      response.end(action.body ?? '');
    } else if (action.do === 'reset') {
      resetAfter(request, action.afterBodyBytes ?? 0);
    } else this.#forward(request, response, action);
  }

  #forward(request: http.IncomingMessage, response: http.ServerResponse, action: ProxyAction): void {
    const { protocol, hostname, port } = this.#upstream;
    const forwarded = (protocol === 'https:' ? https : http).request({
      host: hostname,
      port,
      method: request.method,
      path: request.url,
      // The original headers, because Host is signed.
      headers: request.headers,
      agent: this.#agent,
    });
    forwarded.on('error', () => request.socket.destroy());
    forwarded.on('response', (answer) => giveBack(answer, response, action));
    request.pipe(forwarded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function resetAfter(request: http.IncomingMessage, bytes: number): void {
  let received = 0;
  const reset = () => request.socket.resetAndDestroy();
  if (bytes === 0) reset();
  else {
    request.on('data', (chunk: Buffer) => {
      received += chunk.byteLength;
      if (received >= bytes) reset();
    });
  }
}

function giveBack(answer: http.IncomingMessage, response: http.ServerResponse, action: ProxyAction): void {
  if (action.do === 'lose-answer') {
    answer.resume();
    answer.on('end', () => response.socket?.resetAndDestroy());
    return;
  }
  const headers: http.OutgoingHttpHeaders = { ...answer.headers };
  if (action.do === 'change-headers') {
    for (const [name, value] of Object.entries(action.headers)) {
      if (value === null) delete headers[name];
      else headers[name] = value;
    }
  }
  response.writeHead(answer.statusCode ?? 502, headers);
  if (action.do !== 'cut-answer') {
    answer.pipe(response);
    return;
  }
  let sent = 0;
  answer.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, Math.max(0, action.afterBodyBytes - sent));
    sent += part.byteLength;
    response.write(part, () => {
      if (sent >= action.afterBodyBytes) response.socket?.destroy();
    });
  });
}
