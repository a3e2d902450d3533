import type { Socket } from 'node:net';

/**
 * Bounds the connections of the server. Beyond the bound a new connection takes the slot of the one
 * that has waited longest without an authenticated request, then of the one that has been idle
 * longest after such a request. So silent connections do not lock others out. A connection with an
 * authenticated request in progress keeps its slot; if all are such, the new one is closed.
 */
export class ConnectionBound {
  readonly #max: number;
  readonly #isBusy: (socket: Socket) => boolean;
  /** Sockets without an authenticated request so far, the oldest first. */
  readonly #strangers = new Set<Socket>();
  /** The others, the longest unused first. */
  readonly #known = new Set<Socket>();

  /** `isBusy` returns true while the connection has an authenticated request in progress. */
  constructor(max: number, isBusy: (socket: Socket) => boolean) {
    this.#max = max;
    this.#isBusy = isBusy;
  }

  /** Adds a new connection, and closes another one, or this one, if there are too many. */
  add(socket: Socket): void {
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#known.delete(socket);
    });
    if (this.#strangers.size + this.#known.size >= this.#max) {
      const victim = this.#longestWaiting() ?? socket;
      this.#strangers.delete(victim);
      this.#known.delete(victim);
      victim.destroy();
      if (victim === socket) return;
    }
    this.#strangers.add(socket);
  }

  /** Records an authenticated request, when it begins and when it ends. */
  use(socket: Socket): void {
    if (socket.destroyed) return;
    this.#strangers.delete(socket);
    this.#known.delete(socket);
    this.#known.add(socket);
  }

  #longestWaiting(): Socket | null {
    for (const sockets of [this.#strangers, this.#known]) {
      for (const socket of sockets) if (!this.#isBusy(socket)) return socket;
    }
    return null;
  }
}
