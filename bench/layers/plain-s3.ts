import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { RequestSigner } from '../../src/s3/direct/signature.js';
import { timedSeconds } from '../measure.js';

// Transfers blocks between memory and S3 with the least that Node needs for it: TLS sockets, requests prepared
// before, bodies that are neither checked nor copied. It prints the seconds and the CPU seconds as JSON. The
// environment has the input, so that no secret is in the list of processes (see `layers.ts`).

const endpoint = new URL(given('PLAIN_ENDPOINT'));
const method = given('PLAIN_METHOD');
const blocks = Number(given('PLAIN_BLOCKS'));
const blockBytes = Number(given('PLAIN_BLOCK_BYTES'));
const connections = 4;
const receiveBytes = 256 * 1024;
const body = Buffer.alloc(blockBytes, 'sftpgw');
const signer = new RequestSigner(given('PLAIN_REGION'));

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** Returns the signed head of a request for one block. */
function requestHead(verb: string, block: number): Buffer {
  const path = `/${given('PLAIN_BUCKET')}/plain/${block}`;
  const key = given('PLAIN_KEY');
  const isPut = verb === 'PUT';
  const headers = signer.sign(
    {
      method: verb,
      path,
      query: {},
      headers: {
        host: endpoint.host,
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        'x-amz-server-side-encryption-customer-algorithm': 'AES256',
        'x-amz-server-side-encryption-customer-key': key,
        'x-amz-server-side-encryption-customer-key-md5': createHash('md5')
          .update(Buffer.from(key, 'base64'))
          .digest('base64'),
        ...(isPut ? { 'content-length': String(blockBytes) } : {}),
      },
    },
    { accessKeyId: given('AWS_ACCESS_KEY_ID'), secretAccessKey: given('AWS_SECRET_ACCESS_KEY') },
    new Date(),
  );
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${verb} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** A connection that sends one request after the other. */
class Connection {
  readonly #socket: TLSSocket;
  /** The head of the answer that has arrived so far; null while its body arrives. */
  #head: string | null = '';
  #bodyBytes = 0;
  #done: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor() {
    const options: ConnectionOptions & { readonly onread: OnReadOpts } = {
      host: endpoint.hostname,
      port: Number(endpoint.port || 443),
      ca: readFileSync(given('PLAIN_CA')),
      onread: {
        buffer: Buffer.allocUnsafe(receiveBytes),
        callback: (bytes, buffer) => {
          this.#receive(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
          return true;
        },
      },
    };
    this.#socket = connect(options);
    this.#socket.on('error', (error) => this.#done.reject(error));
    this.#socket.on('close', () => this.#done.reject(new Error('S3 closed the connection')));
  }

  async exchange(verb: string, head: Buffer): Promise<void> {
    this.#done = Promise.withResolvers();
    this.#head = '';
    this.#socket.write(head);
    if (verb === 'PUT') this.#socket.write(body);
    await this.#done.promise;
  }

  close(): void {
    this.#done.promise.catch(() => undefined);
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#head === null) this.#bodyBytes -= chunk.byteLength;
    else {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end === -1) return;
      if (!this.#head.startsWith('HTTP/1.1 200')) throw new Error(this.#head);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1] ?? 0);
      this.#bodyBytes = length - (this.#head.length - end - 4);
      this.#head = null;
    }
    if (this.#bodyBytes <= 0) this.#done.resolve();
  }
}

async function transfer(open: readonly Connection[], verb: string, heads: readonly Buffer[]): Promise<void> {
  const queue = heads.values();
  await Promise.all(
    open.map(async (connection) => {
      for (const head of queue) await connection.exchange(verb, head);
    }),
  );
}

const open = Array.from({ length: connections }, () => new Connection());
const heads = (verb: string, count: number) =>
  Array.from({ length: count }, (_, block) => requestHead(verb, block % 16));
// Connects, compiles, and creates the objects for the downloads.
await transfer(open, 'PUT', heads('PUT', 16));
await transfer(open, method, heads(method, 16));
const measured = heads(method, blocks);
const before = process.cpuUsage();
const seconds = await timedSeconds(() => transfer(open, method, measured));
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6 }));
for (const connection of open) connection.close();
