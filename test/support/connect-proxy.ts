import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { proxiedTls } from './proxied-tls.js';

/** The answer to a CONNECT request: a connection, a status, or none at all. */
export type ProxyAnswer =
  | { readonly do: 'connect'; readonly port: number }
  | { readonly do: 'refuse'; readonly status: number }
  | { readonly do: 'hang' };

/** A proxy for tests. It connects to ports of the loopback, whatever host a client names. */
export class ConnectProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #secure: boolean;
  readonly #sockets = new Set<{ destroy(): unknown }>();
  /** The destinations that clients named, in order. */
  readonly seen: string[] = [];
  /** `USER:PASSWORD` that clients must send; null for none. */
  credentials: string | null = null;
  answer: (destination: string) => ProxyAnswer;

  private constructor(secure: boolean, answer: (destination: string) => ProxyAnswer) {
    this.#secure = secure;
    this.answer = answer;
    this.#server = secure ? createSecureServer(proxiedTls) : createServer();
    this.#server.on('connect', (request, socket, head) => this.#connect(request, socket as Socket, head));
    this.#server.on('connection', (socket) => this.#own(socket));
  }

  static async start(answer: (destination: string) => ProxyAnswer, secure = false): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(secure, answer);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The URL for the environment of a client, with the credentials if there are any. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    const pair = this.credentials?.split(':').map(encodeURIComponent).join(':');
    return `http${this.#secure ? 's' : ''}://${pair === undefined ? '' : `${pair}@`}127.0.0.1:${port}`;
  }

  #connect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const destination = request.url ?? '';
    this.seen.push(destination);
    this.#own(socket);
    const expected = `Basic ${Buffer.from(this.credentials ?? '').toString('base64')}`;
    const isKnown = this.credentials === null || request.headers['proxy-authorization'] === expected;
    const answer: ProxyAnswer = isKnown ? this.answer(destination) : { do: 'refuse', status: 407 };
    if (answer.do === 'hang') return;
    if (answer.do === 'refuse') {
      socket.end(`HTTP/1.1 ${answer.status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const target = net.connect(answer.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      target.pipe(socket).pipe(target);
    });
    this.#own(target);
    target.on('close', () => socket.destroy());
    socket.on('close', () => target.destroy());
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
