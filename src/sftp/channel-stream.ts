import type { Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import type { ByteStream, ByteStreamEvents } from './byte-stream.js';

/** What is used of the transport's server channel. */
export interface SshChannel extends Duplex {
  readonly stderr: Writable;
  exit(status: number): void;
}

/** An SSH channel as a byte stream. */
export class ChannelStream implements ByteStream {
  readonly #channel: SshChannel;
  readonly #socket: Socket;
  readonly #onBytes: (byteLength: number) => void;
  #isClosed = false;
  #isEnding = false;
  #isCorked = false;

  /** `onBytes` is told how many bytes went either way. */
  constructor(channel: SshChannel, socket: Socket, onBytes: (byteLength: number) => void) {
    this.#channel = channel;
    this.#socket = socket;
    this.#onBytes = onBytes;
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    boundReceivedBytes(channel);
  }

  start(events: ByteStreamEvents): void {
    const closed = () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#socket.off('drain', events.drained);
      this.#socket.off('close', closed);
      events.closed();
    };
    this.#channel.on('close', closed);
    // A channel that is paused does not tell of its own end.
    this.#socket.on('close', closed);
    this.#channel.on('end', events.ended);
    this.#channel.on('drain', events.drained);
    this.#socket.on('drain', events.drained);
    this.#channel.on('data', (chunk: Buffer) => {
      this.#onBytes(chunk.byteLength);
      events.data(chunk);
    });
    if (this.#socket.destroyed) closed();
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  get backlogBytes(): number {
    return this.#channel.writableLength + this.#socket.writableLength;
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#isClosed || this.#isEnding) return;
    const [first] = pieces;
    if (first === undefined) return;
    // One write a packet of ours: the transport cuts each into as few packets of its own as it can.
    const whole =
      pieces.length === 1
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(pieces);
    this.#corkForNow();
    this.#onBytes(whole.byteLength);
    this.#channel.write(whole);
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#channel.exit(0);
    this.#channel.end();
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

/**
 * The transport opens a window of 2 MiB and does not look whether the client keeps to it: one that does not would fill the
 * memory while the channel is paused. Such a client loses its connection.
 */
function boundReceivedBytes(channel: SshChannel): void {
  const maxHeldBytes = 4 * 1024 * 1024;
  const push = channel.push.bind(channel);
  channel.push = (chunk: Uint8Array | null): boolean => {
    if (chunk !== null && channel.readableLength + chunk.byteLength > maxHeldBytes) {
      throw new Error('the client sends more than the channel window allows');
    }
    return push(chunk);
  };
}
