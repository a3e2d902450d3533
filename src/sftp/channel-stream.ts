import type { SshChannel } from '@sftpgw/ssh';
import { areLent } from '../bytes/buffer-pool.js';
import type { ByteStream, ByteStreamEvents } from './byte-stream.js';

/**
 * Clients that pass stderr on to the user: OpenSSH's sftp and scp, PuTTY's psftp and pscp. OpenSSH shows only a status code's own
 * words.
 */
const showsStderr = /^(?:OpenSSH|PuTTY)_/;

/** An SSH channel as a byte stream. */
export class ChannelStream implements ByteStream {
  readonly #channel: SshChannel;
  readonly #showsStderr: boolean;

  /** `clientSoftware` is the name in the client's identification. */
  constructor(channel: SshChannel, clientSoftware: string) {
    this.#channel = channel;
    this.#showsStderr = showsStderr.test(clientSoftware);
  }

  start(events: ByteStreamEvents): void {
    this.#channel.start({
      // Bytes that are not lent lie in memory that the connection reads into again.
      data: (chunk) => events.data(areLent(chunk) ? chunk : Buffer.from(chunk)),
      ended: () => events.ended(),
      drained: () => events.drained(),
      closed: () => events.closed(),
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
    // It shares the channel's window with the responses: the channel drops it if they wait.
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
