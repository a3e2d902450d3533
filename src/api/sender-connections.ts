import type { Socket } from 'node:net';
import { sourceOf } from '../users/addresses.js';

/** Maximum connections of each kind. */
export interface ConnectionBounds {
  /** Without an accepted secret so far, of one address (an IPv6 network of 64 bits). */
  readonly strangersPerAddress: number;
  /** Without an accepted secret so far, of all addresses. */
  readonly strangers: number;
  /** With one. */
  readonly senders: number;
}

/**
 * Bounds the connections of an endpoint without refusing new ones: the oldest of the same kind is closed instead.
 * Clients without the secret thus cannot occupy the endpoint, and a health check always gets in.
 */
export class SenderConnections {
  readonly #bounds: ConnectionBounds;
  /** The oldest first. */
  readonly #strangers = new Map<Socket, string>();
  readonly #senders = new Set<Socket>();

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  /** Adds a new connection. */
  add(socket: Socket): void {
    const address = sourceOf(socket.remoteAddress ?? '');
    this.#strangers.set(socket, address);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#senders.delete(socket);
    });
    const ofAddress = [...this.#strangers].filter(([, other]) => other === address).map(([one]) => one);
    if (ofAddress.length > this.#bounds.strangersPerAddress) this.#close(ofAddress[0]);
    if (this.#strangers.size > this.#bounds.strangers) this.#close([...this.#strangers.keys()][0]);
  }

  /** Records that a connection has presented an accepted secret. */
  accept(socket: Socket): void {
    if (!this.#strangers.delete(socket)) return;
    this.#senders.add(socket);
    if (this.#senders.size > this.#bounds.senders) this.#close([...this.#senders][0]);
  }

  #close(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.#strangers.delete(socket);
    this.#senders.delete(socket);
    socket.destroy();
  }
}
