import type { Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { areLent } from '../../bytes/buffer-pool.js';
import type { ByteStream, ByteStreamEvents } from '../byte-stream.js';
import { ChannelSender } from './fast-send.js';

/** What is used of the transport's server channel. */
export interface SshChannel extends Duplex {
  readonly stderr: Writable;
  exit(status: number): void;
}

const maxHeldBytes = 4 * 1024 * 1024;

/** An SSH channel as a byte stream. */
export class ChannelStream implements ByteStream {
  readonly #channel: SshChannel;
  readonly #showsStderr: boolean;
  readonly #socket: Socket;
  readonly #onBytes: (byteLength: number) => void;
  readonly #sender: ChannelSender;
  #drained: () => void = () => undefined;
  #data: ((chunk: Uint8Array) => void) | null = null;
  #isClosed = false;
  #isEnding = false;
  #isCorked = false;

  /** `onBytes` is told how many bytes went either way; `showsStderr` says that the client passes stderr on to the person. */
  constructor(
    channel: SshChannel,
    socket: Socket,
    showsStderr: boolean,
    onBytes: (byteLength: number) => void,
  ) {
    this.#channel = channel;
    this.#showsStderr = showsStderr;
    this.#socket = socket;
    this.#onBytes = onBytes;
    this.#sender = new ChannelSender(channel, socket, () => {
      if (this.#isEnding) this.#endNow();
      else this.#drained();
    });
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    this.#watchPushes();
  }

  start(events: ByteStreamEvents): void {
    const closed = () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#socket.off('drain', events.drained);
      this.#socket.off('close', closed);
      events.closed();
    };
    this.#drained = events.drained;
    this.#channel.on('close', closed);
    // A channel that is paused does not tell of its own end.
    this.#socket.on('close', closed);
    this.#channel.on('end', events.ended);
    this.#channel.on('drain', events.drained);
    this.#socket.on('drain', events.drained);
    const data = (chunk: Uint8Array) => {
      this.#onBytes(chunk.byteLength);
      events.data(chunk);
    };
    this.#data = data;
    this.#channel.on('data', data);
    if (this.#socket.destroyed) closed();
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  get backlogBytes(): number {
    return this.#sender.byteLength + this.#channel.writableLength + this.#socket.writableLength;
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#isClosed || this.#isEnding) return;
    let byteLength = 0;
    for (const piece of pieces) byteLength += piece.byteLength;
    this.#corkForNow();
    this.#onBytes(byteLength);
    this.#sender.send(pieces);
  }

  explain(sentence: string): void {
    if (!this.#showsStderr || this.#isClosed || this.#isEnding) return;
    // It shares the channel's window with the answers, and is worth no waiting.
    if (this.backlogBytes > 0 || this.#channel.stderr.writableLength > 0) return;
    this.#channel.stderr.write(stderrLine(sentence));
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#sender.byteLength === 0) this.#endNow();
  }

  #endNow(): void {
    this.#channel.exit(0);
    this.#channel.end();
  }

  /**
   * What the transport pushes into the channel. It opens a window of 2 MiB and does not look whether the client keeps to it: one
   * that does not would fill the memory while the channel is paused. Such a client loses its connection. And what is lent is
   * told at once, past the channel's own queue, or queued as a copy.
   */
  #watchPushes(): void {
    const channel = this.#channel;
    const push = channel.push.bind(channel);
    channel.push = (chunk: Uint8Array | null): boolean => {
      if (chunk === null) return push(null);
      if (channel.readableLength + chunk.byteLength > maxHeldBytes) {
        throw new Error('the client sends more than the channel window allows');
      }
      if (!areLent(chunk)) return push(chunk);
      const isFlowing = channel.readableFlowing === true && channel.readableLength === 0;
      if (this.#data === null || !isFlowing) return push(Buffer.from(chunk));
      this.#data(chunk);
      return true;
    };
  }

  /** What is written in one turn of the event loop goes to the kernel in one call. */
  #corkForNow(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }
}

/** How a sentence looks on a channel's stderr. The terminal there may be in raw mode. */
export function stderrLine(sentence: string): string {
  return `sftpgw: ${sentence}\r\n`;
}
