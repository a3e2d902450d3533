import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

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
  /** Forwards the request after this time. */
  | { readonly do: 'delay'; readonly ms: number }
  /** Changes one bit: of a body at this share of its length (0 to below 1), or of a header's value. */
  | {
      readonly do: 'flip-bit';
      readonly of: 'request' | 'response';
      readonly in: 'body' | 'headers';
      readonly at: number;
    }
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
  decide: (request: SeenRequest) => ProxyAction | Promise<ProxyAction> = () => ({ do: 'pass' });
  readonly seen: SeenRequest[] = [];
  /** The number of TCP connections that the proxy has accepted. */
  connections = 0;
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  readonly #upstream: URL;
  readonly #agent: http.Agent;
  #port = 0;

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
    await proxy.listen();
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  /** Listens, after `refuse` on the same port as before. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
  }

  /** Breaks every connection, and refuses new ones. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
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

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    this.seen.push(seen);
    const decided = this.decide(seen);
    const action = decided instanceof Promise ? await decided : decided;
    if (action.do === 'hang') return;
    if (action.do === 'answer') {
      response.writeHead(action.status, { 'content-type': 'application/xml', ...action.headers });
      response.end(action.body ?? '');
    } else if (action.do === 'reset') {
      resetAfter(request, action.afterBodyBytes ?? 0);
    } else {
      if (action.do === 'delay') await delay(action.ms);
      this.#forward(request, response, action);
    }
  }

  #forward(request: http.IncomingMessage, response: http.ServerResponse, action: ProxyAction): void {
    const { protocol, hostname, port } = this.#upstream;
    const forwarded = (protocol === 'https:' ? https : http).request({
      host: hostname,
      port,
      method: request.method,
      path: request.url,
      // The original headers, because Host is signed.
      headers: isFlip(action, 'request', 'headers')
        ? flipHeader(request.headers, action.at)
        : request.headers,
      agent: this.#agent,
    });
    forwarded.on('error', () => request.socket.destroy());
    forwarded.on('response', (answer) => giveBack(answer, response, action));
    withFlip(request, action, 'request').pipe(forwarded);
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
  const given = isFlip(action, 'response', 'headers') ? flipHeader(headers, action.at) : headers;
  response.writeHead(answer.statusCode ?? 502, given);
  if (action.do !== 'cut-answer') {
    withFlip(answer, action, 'response').pipe(response);
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

type Flip = Extract<ProxyAction, { do: 'flip-bit' }>;

function isFlip(action: ProxyAction, of: Flip['of'], where: Flip['in']): action is Flip {
  return action.do === 'flip-bit' && action.of === of && action.in === where;
}

/** Returns the body of a message with one bit changed, if the action is to change it and its length is known. */
function withFlip(message: http.IncomingMessage, action: ProxyAction, of: Flip['of']): Readable {
  const length = Number(message.headers['content-length'] ?? 0);
  if (!isFlip(action, of, 'body') || length === 0) return message;
  let before = 0;
  const index = Math.floor(length * action.at);
  const flip = new Transform({
    transform(chunk: Buffer, _, done) {
      const at = index - before;
      before += chunk.byteLength;
      if (at >= 0 && at < chunk.byteLength) chunk[at] = (chunk[at] ?? 0) ^ (1 << (index % 8));
      done(null, chunk);
    },
  });
  message.on('close', () => flip.end());
  return message.pipe(flip);
}

/** Headers that frame the message: the proxy itself would not understand others. */
const framing = /^(connection|content-length|date|expect|host|keep-alive|transfer-encoding)$/;

/** Returns the headers with one bit of one value changed, so that it stays a header: a letter or a digit. */
function flipHeader(headers: http.OutgoingHttpHeaders, at: number): http.OutgoingHttpHeaders {
  const names = Object.keys(headers).filter(
    (name) => !framing.test(name) && /[a-z0-9]/i.test(String(headers[name])),
  );
  const name = names[Math.floor(at * names.length)];
  if (name === undefined) return headers;
  const value = String(headers[name]);
  const places = [...value].flatMap((letter, index) => (/[b-y2-8]/i.test(letter) ? [index] : []));
  const place = places[Math.floor(((at * 997) % 1) * places.length)];
  if (place === undefined) return headers;
  const changed = String.fromCharCode(value.charCodeAt(place) ^ 1);
  return { ...headers, [name]: value.slice(0, place) + changed + value.slice(place + 1) };
}
