import net from 'node:net';
import tls from 'node:tls';
import { brokenError, idleError } from '../errors/network-errors.js';
import { decodeChunked, endOfHead, mostHeadBytes, parseHead, type ResponseHead } from './http-head.js';
import { SlabBody } from './slab-body.js';

/** An answer that is not an object's bytes is small: an error in XML. */
const mostErrorBytes = 256 * 1024;
/** A connection that nobody needs is closed before the server or a firewall forgets it. */
export const keptIdleMs = 15_000;

export interface GetAnswer {
  readonly head: ResponseHead;
  /** The object's bytes; or, of any other answer, the whole body. */
  readonly body: SlabBody | Buffer;
}

export interface ConnectTo {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly ca: readonly string[] | null;
  /** Shortens the next handshake. */
  readonly session: Buffer | undefined;
}

/** What a connection tells its pool. */
export interface ConnectionEvents {
  /** Another request may follow. */
  idle(): void;
  closed(): void;
  /** The server gave a ticket for the next handshake. */
  session(session: Buffer): void;
}

interface Pending {
  resolve(answer: GetAnswer): void;
  reject(error: Error): void;
}

/**
 * One connection for GET requests, one after the other. Between bodies it reads into a small buffer of its own, within an
 * object's bytes straight into the memory that its reader gets (`onread` of node:net): no buffer is made for a TLS record.
 */
export class GetConnection {
  readonly #socket: net.Socket;
  readonly #buffer = Buffer.allocUnsafeSlow(16 * 1024);
  readonly #events: ConnectionEvents;
  #collected: Buffer = Buffer.alloc(0);
  #head: ResponseHead | null = null;
  #body: SlabBody | null = null;
  #pending: Pending | null = null;
  #idleTimeoutMs = 0;
  #failure: Error | null = null;
  #over: () => void = () => undefined;
  /** True from the first byte of an answer on: then it is too late to say it on another connection. */
  hasAnswered = false;

  constructor(to: ConnectTo, events: ConnectionEvents) {
    this.#events = events;
    const options = {
      host: to.host,
      port: to.port,
      noDelay: true,
      onread: {
        buffer: () => this.#body?.room() ?? this.#buffer,
        callback: (byteLength: number, buffer: Uint8Array) => this.#received(byteLength, buffer),
      },
    };
    this.#socket = to.secure ? this.#secure(options, to) : net.connect(options);
    this.#socket.on('timeout', () => this.#timedOut());
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#fail(brokenError('the server closed the connection')));
    this.#socket.resume();
  }

  #secure(options: net.NetConnectOpts, to: ConnectTo): net.Socket {
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

  /** Resolves when TCP and TLS stand. */
  async connected(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      this.#pending = { resolve: () => resolve(), reject };
      const ready = this.#socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect';
      this.#socket.once(ready, () => {
        this.#pending = null;
        resolve();
      });
    });
  }

  /**
   * Sends a request without a body. Rejects when the connection breaks before the answer's head is whole. `over` is called
   * once, when the last byte of the answer has come or the connection is gone.
   */
  send(head: string, idleTimeoutMs: number, over: () => void): Promise<GetAnswer> {
    if (this.#failure !== null) {
      over();
      return Promise.reject(this.#failure);
    }
    this.#over = over;
    this.#head = null;
    this.hasAnswered = false;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#socket.setTimeout(idleTimeoutMs);
    this.#socket.ref();
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#socket.write(head, 'latin1');
    });
  }

  /** Ends it; whoever waits for it gets the error. */
  destroy(error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#body?.fail(error);
    this.#body = null;
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
    if (this.#head?.framing.kind === 'until-close') this.#answer(this.#head, this.#collected);
    this.#fail(brokenError('the server closed the connection'));
  }

  /** False stops reading until the body's reader has caught up. */
  #received(byteLength: number, buffer: Uint8Array): boolean {
    if (this.#body !== null) {
      const goOn = this.#body.add(byteLength);
      if (this.#body.isWhole) this.#finished();
      return goOn;
    }
    if (this.#pending === null) {
      this.#fail(brokenError('the server spoke unasked'));
      return false;
    }
    this.hasAnswered = true;
    this.#collected = Buffer.concat([this.#collected, buffer.subarray(0, byteLength)]);
    try {
      this.#readAnswer();
    } catch (error) {
      this.#fail(error instanceof Error ? error : brokenError(String(error)));
    }
    return this.#failure === null;
  }

  #readAnswer(): void {
    if (this.#head === null) {
      const end = endOfHead(this.#collected);
      if (end === -1) {
        if (this.#collected.byteLength > mostHeadBytes)
          throw brokenError('the head of the answer is too long');
        return;
      }
      const head = parseHead(this.#collected.subarray(0, end));
      this.#collected = this.#collected.subarray(end);
      // An interim answer (1xx) has nothing to say to a GET; the real one follows.
      if (head.statusCode < 200) {
        this.#readAnswer();
        return;
      }
      this.#head = head;
    }
    this.#readBody(this.#head);
  }

  #readBody(head: ResponseHead): void {
    const bytes = this.#collected;
    const { framing } = head;
    if (framing.kind === 'length' && (head.statusCode === 200 || head.statusCode === 206)) {
      if (bytes.byteLength > framing.byteLength) throw brokenError('the server sent more than it announced');
      this.#collected = Buffer.alloc(0);
      const body = new SlabBody(framing.byteLength, {
        resume: () => this.#socket.resume(),
        abandon: () => this.#fail(brokenError('the reader left')),
      });
      this.#body = body;
      body.copyIn(bytes);
      this.#pending?.resolve({ head, body });
      this.#pending = null;
      if (body.isWhole) this.#finished();
      return;
    }
    if (bytes.byteLength > mostErrorBytes) throw brokenError('the server sent an error without end');
    if (framing.kind === 'length') {
      if (bytes.byteLength >= framing.byteLength) this.#answer(head, bytes.subarray(0, framing.byteLength));
    } else if (framing.kind === 'chunked') {
      const body = decodeChunked(bytes);
      if (body !== null) this.#answer(head, body);
    }
  }

  #answer(head: ResponseHead, body: Buffer): void {
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
      this.#fail(brokenError('the server ends the connection'));
      return;
    }
    // The rest of a body may have come although reading was stopped: the next answer needs it on again.
    this.#socket.resume();
    this.#idleTimeoutMs = keptIdleMs;
    this.#socket.setTimeout(keptIdleMs);
    this.#socket.unref();
    this.#events.idle();
  }
}
