import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatIpAddress, parseIpAddress } from '../addresses/ip-address.js';
import { sourceOf } from '../addresses/source.js';
import { readProxyHeader } from '../proxy-protocol/read-proxy-header.js';
import { Admission, type AdmittedConnection } from './admission.js';
import { CountedLog } from './counted-log.js';
import { ServerConnection } from './server-connection.js';
import type { SshServerOptions } from './server-options.js';
import { createSharedParts, type SharedParts } from './shared.js';

/** Source of a connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

const shutdownText = 'the server is shutting down: try again in a moment';

/** An SSH server: accepts connections within its bounds, and ends them. */
export class SshServer {
  readonly #shared: SharedParts;
  readonly #admission: Admission;
  readonly #refused: CountedLog;
  readonly #connections = new Set<ServerConnection>();
  readonly #listener: Server;
  /** Connections of proxies whose header has not arrived. */
  #pendingHeaders = 0;

  private constructor(options: SshServerOptions) {
    this.#shared = createSharedParts(options);
    const { serverLimits, clock } = this.#shared;
    this.#admission = new Admission(serverLimits, clock, Math.random, options.sessions);
    this.#refused = new CountedLog(options.log, clock, 'connection refused before the handshake');
    this.#listener = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accepted(socket),
    );
  }

  /** Listens. Port 0 selects a free one. Rejects with the system's error if it cannot. */
  static async listen(options: SshServerOptions, port: number, host?: string): Promise<SshServer> {
    return await SshServer.#listen(options, { port, host });
  }

  /** Listens on a socket that another program has opened. Rejects with the system's error if it cannot. */
  static async listenOn(options: SshServerOptions, fd: number): Promise<SshServer> {
    return await SshServer.#listen(options, { fd });
  }

  static async #listen(
    options: SshServerOptions,
    where: { readonly fd: number } | { readonly port: number; readonly host?: string | undefined },
  ): Promise<SshServer> {
    const server = new SshServer(options);
    server.#listener.listen(where);
    await once(server.#listener, 'listening');
    server.#listener.on('error', (error) => options.log.warn({ err: error }, 'SSH listener failed'));
    return server;
  }

  /** Returns a server that does not listen: the caller passes it streams with `accept` or `acceptSocket`. */
  static withoutListener(options: SshServerOptions): SshServer {
    return new SshServer(options);
  }

  /** The address that the server listens on. */
  get address(): AddressInfo {
    const address = this.#listener.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return address;
  }

  /** Connections without a login. */
  get unauthenticatedCount(): number {
    return this.#admission.unauthenticated;
  }

  /** Connections with a login. */
  get sessionCount(): number {
    return this.#admission.sessions;
  }

  /** Sum of the receive windows of all channels, in bytes. */
  get windowBytes(): number {
    return this.#shared.windowBudget.reservedBytes;
  }

  /** Bytes that wait to be sent on all channels. */
  get unsentBytes(): number {
    return this.#shared.unsent.bytes;
  }

  /** Serves a stream, if there is a slot for it. */
  accept(stream: Duplex, { address, port }: Peer, firstBytes?: Uint8Array): void {
    stream.on('error', () => undefined);
    const admitted = this.#admit(stream, address);
    if (admitted === null) return;
    const connection = new ServerConnection({
      shared: this.#shared,
      stream,
      address,
      port,
      admitted,
      ...(firstBytes === undefined ? {} : { firstBytes }),
    });
    this.#connections.add(connection);
    stream.once('close', () => {
      admitted.leave();
      this.#connections.delete(connection);
    });
    connection.start();
  }

  /** Serves a TCP connection that another listener has accepted, and that no data was read from. */
  acceptSocket(socket: Socket): void {
    socket.setNoDelay(true);
    this.#accepted(socket);
  }

  /** Accepts no further connections. Existing ones continue. */
  stopListening(): void {
    if (this.#listener.listening) this.#listener.close();
  }

  /** Ends the connections of a user, such as one who was removed. */
  disconnectUser(username: string, text: string): void {
    for (const connection of this.#connections) {
      if (connection.login?.username === username) connection.disconnect(text);
    }
  }

  /** Ends every connection with SSH_MSG_DISCONNECT. Resolves when all are closed, and the counts of the log are written. */
  async disconnectAll(text = shutdownText): Promise<void> {
    const connections = [...this.#connections];
    for (const connection of connections) connection.disconnect(text);
    await Promise.all(connections.map((connection) => connection.closed));
    this.#refused.close();
    this.#shared.failedLines.flush();
    this.#shared.busyLines.flush();
  }

  /**
   * Stops listening, and ends each connection once it has no channel, all of them after `timeoutMs`. Resolves when all are closed.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.stopListening();
    for (const connection of this.#connections) connection.finish(shutdownText);
    await this.#allClosedWithin(timeoutMs);
    await this.disconnectAll();
  }

  #allClosedWithin(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#shared.clock.after(timeoutMs, resolve);
      void Promise.all([...this.#connections].map((connection) => connection.closed)).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #admit(stream: Duplex, address: string): AdmittedConnection | null {
    const banned = this.#shared.options.admit?.(address) ?? null;
    if (banned !== null) {
      this.#refuse(stream, address, 'address is not allowed', banned);
      return null;
    }
    const drop = () => {
      this.#refused.add('slot given to another connection', { address });
      stream.destroy();
    };
    const entry = this.#admission.enter(sourceOf(address), drop);
    if (typeof entry !== 'string') return entry;
    this.#refuse(stream, address, entry, `${entry}: try again later`);
    return null;
  }

  /** RFC 4253 section 4.2: lines of text may come before the identification. */
  #refuse(stream: Duplex, address: string, reason: string, text: string): void {
    this.#refused.add(reason, { address });
    stream.write(`${text}\r\n`, () => stream.destroy());
  }

  #accepted(socket: Socket): void {
    const peer: Peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    const isProxy = this.#shared.options.proxyFrom?.contains(peer.address) === true;
    if (isProxy) void this.#acceptFromProxy(socket, peer);
    else this.accept(socket, peer);
  }

  /** Never rejects. */
  async #acceptFromProxy(socket: Socket, proxy: Peer): Promise<void> {
    const { serverLimits, transportLimits } = this.#shared;
    socket.on('error', () => undefined);
    if (this.#pendingHeaders >= serverLimits.maxUnauthenticated) {
      this.#refused.add('too many connections without a PROXY header', { address: proxy.address });
      socket.destroy();
      return;
    }
    this.#pendingHeaders += 1;
    try {
      const { source } = await readProxyHeader(socket, transportLimits.firstByteTimeoutMs);
      const rest: Buffer | null = socket.readableLength > 0 ? socket.read() : null;
      this.accept(socket, source ?? proxy, rest ?? undefined);
    } catch (error) {
      this.#refused.add('PROXY header is missing or wrong', { address: proxy.address, err: error });
      socket.destroy();
    } finally {
      this.#pendingHeaders -= 1;
    }
  }
}

/** Returns the plain form of an IPv4 address that an IPv6 socket reports. */
function plainAddress(address: string | undefined): string {
  const bytes = parseIpAddress(address ?? '');
  return bytes === null ? (address ?? 'unknown') : formatIpAddress(bytes);
}
