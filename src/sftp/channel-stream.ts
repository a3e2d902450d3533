import type { SshChannel } from '@sftpgw/ssh';
import { areLent } from '../bytes/buffer-pool.js';
import type { ByteStream, ByteStreamEvents } from './byte-stream.js';
import { habitsOf } from './client-software.js';

/** Adapts an SSH channel to `ByteStream`. */
export class ChannelStream implements ByteStream {
  readonly #channel: SshChannel;
  readonly #showsStderr: boolean;

  /** `clientSoftware` is the name in the client's identification. */
  constructor(channel: SshChannel, clientSoftware: string) {
    this.#channel = channel;
    this.#showsStderr = habitsOf(clientSoftware).showsStderr;
  }

  start(events: ByteStreamEvents): void {
    this.#channel.start({
      // The connection reuses the memory of bytes that are not lent.
      data: (chunk) => events.data(areLent(chunk) ? chunk : Buffer.from(chunk)),
      ended: () => events.ended(),
      drained: () => events.drained(),
      closed: () => events.closed(),
      isBusy: () => events.isBusy?.() === true,
    });
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  get backlogBytes(): number {
    return this.#channel.backlogBytes;
  }

  write(pieces: readonly Uint8Array[]): void {
    this.#channel.write(pieces);
  }

  explain(sentence: string): void {
    // Stderr shares the channel's window with the replies. The channel drops the line if replies wait.
    if (this.#showsStderr) this.#channel.writeStderr(stderrLine(sentence));
  }

  end(): void {
    this.#channel.exit(0);
    this.#channel.end();
  }
}

/** Returns a line for a channel's stderr. The terminal there may be in raw mode. */
function stderrLine(sentence: string): string {
  return `sftpgw: ${sentence}\r\n`;
}
