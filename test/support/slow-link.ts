import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that passes on what clients send at a limited rate, all connections together. */
export class SlowLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** In bytes per second; can be changed at any time. */
  bytesPerSecond: number;
  /** The server that new connections reach. */
  upstream: URL;
  #isCut = false;
  /** When the link has sent all that it has accepted, in ms of the monotonic clock. */
  #freeAtMs = 0;

  private constructor(upstream: URL, bytesPerSecond: number) {
    this.upstream = upstream;
    this.bytesPerSecond = bytesPerSecond;
    this.#server = createServer((client) => {
      client.on('error', () => undefined);
      if (this.#isCut) {
        client.destroy();
        return;
      }
      const server = connect(Number(this.upstream.port), this.upstream.hostname);
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
      server.on('data', (chunk) => client.write(chunk));
      client.on('data', (chunk) => this.#delay(client, chunk, () => server.write(chunk)));
    });
  }

  /** Starts a proxy in front of an HTTP server. */
  static async start(upstream: string, bytesPerSecond: number): Promise<SlowLink> {
    const link = new SlowLink(new URL(upstream), bytesPerSecond);
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the link is not open');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Ends all connections, and refuses new ones until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#freeAtMs = 0;
  }

  mend(): void {
    this.#isCut = false;
  }

  #delay(client: Socket, chunk: Buffer, pass: () => void): void {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (chunk.byteLength / this.bytesPerSecond) * 1000;
    client.pause();
    setTimeout(() => {
      if (client.destroyed) return;
      pass();
      client.resume();
    }, this.#freeAtMs - nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
