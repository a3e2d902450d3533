import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { AuditRow } from '../../model/audit.js';
import { Fault } from '../../model/fault.js';
import type { AuditReceiver } from './receiver.js';
import { syslogMessage } from './syslog-message.js';
import type { SyslogTarget } from './syslog-target.js';

/** Max time in milliseconds for a connection, and for sending one batch. */
const timeoutMs = 10_000;
/** RFC 5426 section 3.2: larger datagrams may not arrive. */
const maxDatagramBytes = 65_000;

/** Sends events to a syslog server. Messages on a stream have their length before them (RFC 6587). */
export class SyslogReceiver implements AuditReceiver {
  readonly name: string;
  readonly #target: SyslogTarget;
  readonly #host = hostname().replaceAll(/[^\x21-\x7e]/g, '') || '-';
  #stream: Socket | null = null;
  #udp: UdpSocket | null = null;

  constructor(target: SyslogTarget, text: string) {
    this.#target = target;
    this.name = `syslog:${text}`;
  }

  async send(rows: readonly AuditRow[]): Promise<void> {
    const messages = rows.map((row) => Buffer.from(syslogMessage(row, this.#host, process.pid)));
    try {
      if (this.#target.kind === 'udp') await this.#sendDatagrams(messages, this.#target);
      else await this.#sendStream(messages);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw new Fault('unavailable', `the syslog server ${this.name} cannot be reached`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream?.destroy();
    this.#stream = null;
    this.#udp?.close();
    this.#udp = null;
  }

  async #sendDatagrams(
    messages: readonly Buffer[],
    { host, port }: { readonly host: string; readonly port: number },
  ): Promise<void> {
    this.#udp ??= createSocket(host.includes(':') ? 'udp6' : 'udp4').unref();
    const socket = this.#udp;
    for (const message of messages) {
      const datagram = message.subarray(0, maxDatagramBytes);
      await new Promise<void>((resolve, reject) => {
        socket.send(datagram, port, host, (error) => (error === null ? resolve() : reject(error)));
      });
    }
  }

  async #sendStream(messages: readonly Buffer[]): Promise<void> {
    const stream = await this.#connected();
    const framed = messages.flatMap((message) => [Buffer.from(`${message.byteLength} `), message]);
    const signal = AbortSignal.timeout(timeoutMs);
    await new Promise<void>((resolve, reject) => {
      const stop = () => reject(new Error('the syslog server accepts no data'));
      signal.addEventListener('abort', stop, { once: true });
      stream.once('error', reject);
      stream.once('close', stop);
      stream.write(Buffer.concat(framed), (error) => {
        signal.removeEventListener('abort', stop);
        stream.off('error', reject);
        stream.off('close', stop);
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }

  async #connected(): Promise<Socket> {
    if (this.#stream !== null && !this.#stream.destroyed && this.#stream.writable) return this.#stream;
    const target = this.#target;
    const stream =
      target.kind === 'unix' ? connect(target.path) : connect({ host: target.host, port: target.port });
    await once(stream, 'connect', { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
      stream.destroy();
      throw error;
    });
    stream.on('error', () => stream.destroy());
    // A syslog server sends nothing. Reading notices that it closes the connection.
    stream.resume();
    stream.unref();
    this.#stream = stream;
    return stream;
  }
}
