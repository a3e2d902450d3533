import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlabReadable } from './get-pool.js';
import { readText } from './read-text.js';
import { S3Transport } from './transport.js';

/* Small requests over connections of their own: a PUT goes out with its head in one write. */

interface Received {
  readonly method: string;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
}

let server: http.Server;
let transport: S3Transport;
let received: Received[];
let connections: number;
let answer: (request: Received, response: http.ServerResponse) => void;

beforeEach(async () => {
  received = [];
  connections = 0;
  answer = (_, response) => response.end();
  server = http.createServer(async (incoming, response) => {
    const body = Buffer.concat(await incoming.toArray()).toString('latin1');
    const request = { method: incoming.method ?? '', body, headers: incoming.headers };
    received.push(request);
    answer(request, response);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  transport = new S3Transport({ ca: null, connectTimeoutMs: 5_000, idleTimeoutMs: 5_000, maxSockets: 1 });
});
afterEach(async () => {
  transport.destroy();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

function requestOf(method: string, headers: Readonly<Record<string, string>>) {
  const { port } = server.address() as AddressInfo;
  return {
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    method,
    path: '/bucket/key',
    headers: { host: 'localhost', ...headers },
  };
}

async function put(chunks: readonly Uint8Array[], abortSignal?: AbortSignal) {
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const request = { ...requestOf('PUT', { 'content-length': String(byteLength) }), body: { chunks } };
  const { response } = await transport.handle(request, {
    isSmall: true,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  return { status: response.statusCode, text: await readText(response.body, 10_000, undefined) };
}

describe('a small PUT', () => {
  it('arrives with all its bytes, one after the other on one connection', async () => {
    const bodies = [0, 1, 4096, 65_536].map((size) => randomBytes(size));
    for (const body of bodies) {
      const chunks = [body.subarray(0, 100), body.subarray(100)];
      expect(await put(chunks)).toEqual({ status: 200, text: '' });
    }
    expect(received.map(({ body }) => body)).toEqual(bodies.map((body) => body.toString('latin1')));
    expect(connections).toBe(1);
  });

  it.each([200, 403, 503])('returns the answer %i with its text', async (status) => {
    answer = (_, response) => response.writeHead(status).end('<Error>é</Error>');
    expect(await put([Buffer.from('x')])).toEqual({ status, text: '<Error>é</Error>' });
    answer = (_, response) => response.writeHead(status, { 'content-length': 1 }).end('y');
    expect(await put([Buffer.from('x')])).toEqual({ status, text: 'y' });
    expect(connections).toBe(1);
  });

  it('is sent again as a whole if the server has closed the kept connection', async () => {
    await put([Buffer.from('first')]);
    answer = (_, response) => {
      if (connections === 1) response.destroy();
      else response.end();
    };
    expect(await put([Buffer.from('sec'), Buffer.from('ond')])).toMatchObject({ status: 200 });
    expect(received.map(({ body }) => body)).toEqual(['first', 'second', 'second']);
  });

  it('ends with its signal, and leaves the next one a connection', async () => {
    const abort = new AbortController();
    answer = () => abort.abort();
    await expect(put([Buffer.from('x')], abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
    answer = (_, response) => response.end();
    expect(await put([Buffer.from('y')])).toMatchObject({ status: 200 });
  });

  it('does not wait for the reader of an object', async () => {
    answer = ({ method }, response) => {
      if (method === 'GET') response.writeHead(200, { 'content-length': 10 }).write('half ');
      else response.end();
    };
    const { response } = await transport.handle(requestOf('GET', {}), { intoSlabs: true });
    expect(response.body).toBeInstanceOf(SlabReadable);
    expect(await put([Buffer.from('x')])).toMatchObject({ status: 200 });
    (response.body as SlabReadable).destroy();
  });

  it('cannot be a stream', async () => {
    const request = { ...requestOf('PUT', {}), body: { stream: () => text } };
    await expect(transport.handle(request, { isSmall: true })).rejects.toThrow('in memory');
  });
});
