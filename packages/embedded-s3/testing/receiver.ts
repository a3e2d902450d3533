import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: { readonly Event?: string; readonly Records?: readonly EventRecord[] };
}

export interface EventRecord {
  readonly eventName: string;
  readonly s3: {
    readonly configurationId: string;
    readonly bucket: { readonly name: string };
    readonly object: {
      readonly key: string;
      readonly size?: number;
      readonly eTag?: string;
      readonly versionId?: string;
      readonly sequencer: string;
    };
  };
}

/** An HTTP server that records its requests. */
export class Receiver implements AsyncDisposable {
  readonly #server = createServer((request, response) => {
    void this.#receive(request).then((status) => {
      if (status === null) response.destroy();
      else response.writeHead(status).end();
    });
  });
  readonly received: Received[] = [];
  /** The next statuses; null closes the connection without an answer. Afterwards every answer is 204. */
  readonly statuses: (number | null)[] = [];
  /** Number of requests that wait for an answer. */
  waiting = 0;
  #hold: Promise<void> = Promise.resolve();

  async start(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Delays all answers until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = withResolvers();
    this.#hold = promise;
    return resolve;
  }

  /** Returns the accepted records, in order. */
  records(): readonly EventRecord[] {
    return this.received.flatMap(({ body }) => body.Records ?? []);
  }

  /** Returns `NAME KEY` of each record. */
  told(): readonly string[] {
    return this.records().map(({ eventName, s3 }) => `${eventName} ${s3.object.key}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage): Promise<number | null> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.waiting += 1;
    await this.#hold;
    this.waiting -= 1;
    const status = this.statuses.length === 0 ? 204 : (this.statuses.shift() ?? null);
    if (status === null || status >= 300) return status;
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Received['body'];
    this.received.push({ path: request.url ?? '', authorization: request.headers.authorization, body });
    return status;
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
