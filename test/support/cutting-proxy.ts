import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of PostgreSQL, which cuts connections where a test asks for it. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #isRefusing = false;
  #cutAt: 'before commit' | 'after commit' | null = null;
  #refusesAfterCut = false;
  /** Connections that the proxy has cut. */
  cuts = 0;
  /** Connections that the proxy has refused. */
  refused = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  static async start(target: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server, target);
    server.on('connection', (client) => proxy.#forward(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  /** Sockets that are open, two for each connection. */
  get open(): number {
    return this.#sockets.size;
  }

  /**
   * Cuts the next connection that commits: before the server gets the COMMIT, or before the client gets its answer.
   * With `refusing`, refuses new connections from that COMMIT until `restore`.
   */
  cutAt(point: 'before commit' | 'after commit', { refusing = false } = {}): void {
    this.#cutAt = point;
    this.#refusesAfterCut = refusing;
  }

  /** Cuts all connections, and refuses new ones until `restore`. */
  cut(): void {
    this.#isRefusing = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#isRefusing = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(client: Socket): void {
    if (this.#isRefusing) {
      this.refused += 1;
      client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    let isAnswerDropped = false;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data: Buffer) => {
      if (this.#cutAt !== null && data.includes('commit\0')) {
        const isBefore = this.#cutAt === 'before commit';
        this.#cutAt = null;
        this.cuts += 1;
        this.#isRefusing = this.#refusesAfterCut;
        if (isBefore) {
          client.destroy();
          return;
        }
        isAnswerDropped = true;
      }
      server.write(data);
    });
    server.on('data', (data: Buffer) => {
      if (isAnswerDropped) client.destroy();
      else client.write(data);
    });
  }
}
