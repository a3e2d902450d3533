import type { Socket } from 'node:net';
import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { ByteStream, ByteStreamEvents } from '../byte-stream.js';

/** A socket as a byte stream. The socket is paused until `start`, and stays open for writing when the other side ends. */
export class SocketStream implements ByteStream {
  readonly #socket: Socket;
  #events: ByteStreamEvents | null = null;
  #wasUsed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  start(events: ByteStreamEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      this.#wasUsed = true;
      events.data(chunk);
    });
    socket.on('end', () => events.ended());
    socket.on('drain', () => events.drained());
    socket.once('close', () => events.closed());
    if (socket.closed) events.closed();
    else socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(pieces: readonly Uint8Array[]): void {
    this.#wasUsed = true;
    if (!this.#socket.writable) {
      for (const piece of pieces) releaseBytes(piece);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece, () => releaseBytes(piece));
    this.#socket.uncork();
  }

  /** The stream has no second channel for text. */
  explain(): void {}

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  /** Returns true if bytes came or went since the last call, or the session is busy. */
  takeActivity(): boolean {
    const wasUsed = this.#wasUsed;
    this.#wasUsed = false;
    return wasUsed || this.#events?.isBusy?.() === true;
  }
}
