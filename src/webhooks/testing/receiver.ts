import { once } from 'node:events';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { loopbackTls } from '../../../test/support/loopback-tls.js';

/** A request that a receiver got. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The parsed text. */
  readonly message: ReceivedMessage;
}

export interface ReceivedMessage {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Answers a request; a promise keeps it waiting. Returns the status, or null if the response is answered. */
export type Answer = (received: Received, response: ServerResponse) => number | null | Promise<number | null>;

type Server = ReturnType<typeof createServer> | ReturnType<typeof createPlainServer>;

/** A receiver of webhooks on the loopback. */
export class WebhookReceiver implements AsyncDisposable {
  readonly url: string;
  /** Requests in the order of their arrival, also those that get no answer. */
  readonly requests: Received[] = [];
  /** Messages that were accepted, in the order of the answers. */
  readonly accepted: Received[] = [];
  /** Requests without an answer whose sender still waits, and the maximum of them. */
  open = 0;
  maxOpen = 0;
  answer: Answer;
  readonly #server: Server;

  private constructor(server: Server, url: string, answer: Answer) {
    this.#server = server;
    this.url = url;
    this.answer = answer;
  }

  /** Starts a receiver with HTTPS (the certificate of loopback-tls.ts) or plain HTTP, on any free port by default. */
  static async start(
    options: { readonly secure?: boolean; readonly port?: number; readonly answer?: Answer } = {},
  ): Promise<WebhookReceiver> {
    const { secure = true, port = 0, answer = () => 204 } = options;
    const server = secure ? createServer(loopbackTls) : createPlainServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const { port: bound } = server.address() as AddressInfo;
    const url = `${secure ? 'https' : 'http'}://127.0.0.1:${bound}/hooks`;
    const receiver = new WebhookReceiver(server, url, answer);
    server.on('request', (request, response) => void receiver.#receive(request, response));
    return receiver;
  }

  /** Types of the accepted messages. */
  get types(): readonly string[] {
    return this.accepted.map(({ message }) => message.type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const message = JSON.parse(text) as ReceivedMessage;
    const received = { path: request.url ?? '', headers: request.headers, text, message };
    this.requests.push(received);
    this.open += 1;
    this.maxOpen = Math.max(this.maxOpen, this.open);
    // The sender may give up before the answer.
    const closed = once(response, 'close').then(() => null);
    const status = await Promise.race([this.answer(received, response), closed]);
    this.open -= 1;
    if (status === null) return;
    if (status < 300) this.accepted.push(received);
    response.writeHead(status).end();
  }
}
