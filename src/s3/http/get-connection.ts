import net from 'node:net';
import tls from 'node:tls';
import { brokenError, idleError } from '../errors/network-errors.js';
import { decodeChunked, endOfHead, maxHeadBytes, parseHead, type ResponseHead } from './http-head.js';
import { SlabBody } from './slab-body.js';

/** A response without an object's bytes is an error in XML, which is small. */
const maxErrorBytes = 256 * 1024;
/** A server has no reason to send more interim responses. */
const maxInterimResponses = 8;
/** Unused connections are closed before the server or a firewall drops them. */
export const keptIdleMs = 15_000;

export interface GetResponse {
  readonly head: ResponseHead;
  /** The object's bytes, or the whole body of any other response. */
  readonly body: SlabBody | Buffer;
}

export interface ConnectTo {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly ca: readonly string[] | null;
  /** Shortens the next handshake. */
  readonly session: Buffer | undefined;
  /** A connection through a proxy; null to connect directly. */
  readonly tunnel: net.Socket | null;
}

/** A request as it is sent: its head in Latin-1, or head and body. */
export interface WholeRequest {
  readonly bytes: string | Buffer;
  /** Reads the bytes of an object into slabs. */
  readonly intoSlabs: boolean;
}

/** Events that a connection reports to its pool. */
export interface ConnectionEvents {
  /** Another request may follow. */
  idle(): void;
  closed(): void;
  /** The server sent a ticket for the next handshake. */
  session(session: Buffer): void;
}

interface Pending<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * One connection for GET requests and small PUT requests, one at a time. Between bodies it reads into a small buffer of its own.
 * Object bytes are read directly into the memory that the reader receives (`onread` of node:net), without a
 * buffer for each TLS record.
 *
 * Bytes that belong to no request close the connection: they could be taken for the response to the next one.
 */
export class GetConnection {
  readonly #socket: net.Socket;
  readonly #buffer = Buffer.allocUnsafeSlow(16 * 1024);
  readonly #events: ConnectionEvents;
  #collected: Buffer = Buffer.alloc(0);
  #interimResponses = 0;
  #head: ResponseHead | null = null;
  #body: SlabBody | null = null;
  #connecting: Pending<void> | null = null;
  /** The request whose response head is awaited. */
  #pending: Pending<GetResponse> | null = null;
  #idleTimeoutMs = 0;
  /** Whether a body is that of an object, which is read into slabs. */
  #intoSlabs = false;
  #failure: Error | null = null;
  #over: () => void = () => undefined;
  /**
   * True from the first byte of a response on. The request may then no longer be sent on another connection.
   */
  hasResponded = false;

  constructor(to: ConnectTo, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = to.tunnel === null ? this.#direct(to) : this.#tunnelled(to, to.tunnel);
    this.#socket.on('timeout', () => this.#timedOut());
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#fail(brokenError('the server closed the connection')));
    this.#socket.resume();
  }

  #direct(to: ConnectTo): net.Socket {
    const options = {
      host: to.host,
      port: to.port,
      noDelay: true,
      onread: {
        buffer: () => this.#room(),
        callback: (byteLength: number, buffer: Uint8Array) => this.#received(byteLength, buffer),
      },
    };
    return to.secure ? this.#secure(options, to) : net.connect(options);
  }

  /** `onread` works only for connections that the socket itself opens, so these bytes are copied. */
  #tunnelled(to: ConnectTo, tunnel: net.Socket): net.Socket {
    const socket = to.secure ? this.#secure({ host: to.host, socket: tunnel }, to) : tunnel;
    return socket.on('data', (bytes: Buffer) => {
      let continues = true;
      for (let at = 0; at < bytes.byteLength && this.#failure === null; ) {
        const room = this.#room();
        const copied = bytes.copy(room, 0, at);
        at += copied;
        continues = this.#received(copied, room);
      }
      if (!continues) socket.pause();
    });
  }

  #room(): Buffer {
    return this.#body?.room() ?? this.#buffer;
  }

  #secure(options: tls.ConnectionOptions, to: ConnectTo): net.Socket {
    const socket = tls.connect({
      ...options,
      ...(net.isIP(to.host) === 0 ? { servername: to.host } : {}),
      ...(to.ca === null ? {} : { ca: [...to.ca] }),
      ...(to.session === undefined ? {} : { session: to.session }),
    });
    socket.on('session', (session) => this.#events.session(session));
    return socket;
  }

  get isOpen(): boolean {
    return this.#failure === null;
  }

  /** Resolves when TCP and TLS are connected. */
  async connected(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const isSecure = this.#socket instanceof tls.TLSSocket;
    if (!isSecure && !this.#socket.connecting) return;
    await new Promise<void>((resolve, reject) => {
      this.#connecting = { resolve, reject };
      this.#socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        this.#connecting = null;
        resolve();
      });
    });
  }

  /**
   * Sends a request. Rejects when the connection breaks before the response head is complete. `over` is called once, when the last byte of the response has arrived or the connection is closed.
   */
  send({ bytes, intoSlabs }: WholeRequest, idleTimeoutMs: number, over: () => void): Promise<GetResponse> {
    this.hasResponded = false;
    if (this.#failure !== null) {
      over();
      return Promise.reject(this.#failure);
    }
    this.#over = over;
    this.#head = null;
    this.#interimResponses = 0;
    this.#intoSlabs = intoSlabs;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#socket.setTimeout(idleTimeoutMs);
    this.#socket.ref();
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1');
      else this.#socket.write(bytes);
    });
  }

  /** Closes the connection; a waiting request or reader gets the error. */
  destroy(error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#body?.fail(error);
    this.#body = null;
    this.#connecting?.reject(error);
    this.#connecting = null;
    this.#pending?.reject(error);
    this.#pending = null;
    this.#over();
    this.#over = () => undefined;
    this.#events.closed();
  }

  #timedOut(): void {
    if (this.#body?.isStopped) this.#socket.setTimeout(this.#idleTimeoutMs);
    else this.#fail(idleError(this.#idleTimeoutMs));
  }

  #ended(): void {
    if (this.#head?.framing.kind === 'until-close') this.#respond(this.#head, this.#collected);
    this.#fail(brokenError('the server closed the connection'));
  }

  /** False stops reading until the body's reader has caught up. */
  #received(byteLength: number, buffer: Uint8Array): boolean {
    if (this.#body !== null) {
      const continues = this.#body.add(byteLength);
      if (this.#body.isWhole) this.#finished();
      return continues;
    }
    if (this.#pending === null) {
      this.#fail(brokenError('the server sent bytes without a request'));
      return false;
    }
    this.hasResponded = true;
    this.#collected = Buffer.concat([this.#collected, buffer.subarray(0, byteLength)]);
    try {
      const head = this.#readHead();
      if (head !== null) this.#readBody(head);
    } catch (error) {
      this.#fail(error instanceof Error ? error : brokenError(String(error)));
    }
    return this.#failure === null;
  }

  /** Null while the head is incomplete. */
  #readHead(): ResponseHead | null {
    while (this.#head === null) {
      const end = endOfHead(this.#collected);
      if (end > maxHeadBytes || (end === -1 && this.#collected.byteLength > maxHeadBytes))
        throw brokenError('the head of the response is too long');
      if (end === -1) return null;
      const head = parseHead(this.#collected.subarray(0, end));
      this.#collected = this.#collected.subarray(end);
      if (head.statusCode >= 200) this.#head = head;
      else this.#skipInterim(head);
    }
    return this.#head;
  }

  /** An interim response (1xx) means nothing for a GET; the final one follows. */
  #skipInterim({ statusCode }: ResponseHead): void {
    this.#interimResponses += 1;
    if (statusCode === 101 || this.#interimResponses > maxInterimResponses)
      throw brokenError('the server sent interim responses that were not requested');
  }

  #readBody(head: ResponseHead): void {
    const bytes = this.#collected;
    const { framing } = head;
    const isObject = this.#intoSlabs && (head.statusCode === 200 || head.statusCode === 206);
    if (framing.kind === 'length') {
      if (bytes.byteLength > framing.byteLength) throw tooManyBytes();
      if (isObject) this.#readObject(head, framing.byteLength);
      else if (framing.byteLength > maxErrorBytes) throw errorTooLong();
      else if (bytes.byteLength === framing.byteLength) this.#respond(head, bytes);
      return;
    }
    if (bytes.byteLength > maxErrorBytes) throw errorTooLong();
    const decoded = framing.kind === 'chunked' ? decodeChunked(bytes) : null;
    if (decoded === null) return;
    if (decoded.encodedBytes < bytes.byteLength) throw tooManyBytes();
    this.#respond(head, decoded.body);
  }

  #readObject(head: ResponseHead, byteLength: number): void {
    const bytes = this.#collected;
    this.#collected = Buffer.alloc(0);
    const body = new SlabBody(byteLength, {
      resume: () => this.#socket.resume(),
      abandon: () => this.#fail(brokenError('the reader has left')),
    });
    this.#body = body;
    body.copyIn(bytes);
    this.#pending?.resolve({ head, body });
    this.#pending = null;
    if (body.isWhole) this.#finished();
  }

  #respond(head: ResponseHead, body: Buffer): void {
    this.#pending?.resolve({ head, body });
    this.#pending = null;
    this.#finished();
  }

  #finished(): void {
    const keepsAlive = this.#head?.keepsAlive ?? false;
    this.#body = null;
    this.#head = null;
    this.#collected = Buffer.alloc(0);
    this.#over();
    this.#over = () => undefined;
    if (!keepsAlive) {
      this.#fail(brokenError('the server closes the connection'));
      return;
    }
    // The rest of a body may have arrived although reading was stopped. The next response needs it started
    // again.
    this.#socket.resume();
    this.#idleTimeoutMs = keptIdleMs;
    this.#socket.setTimeout(keptIdleMs);
    this.#socket.unref();
    this.#events.idle();
  }
}

function tooManyBytes(): Error {
  return brokenError('the server sent more bytes than it announced');
}

function errorTooLong(): Error {
  return brokenError('the error response of the server is too long');
}
