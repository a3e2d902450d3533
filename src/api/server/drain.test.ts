import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { discardUnreadBodies, drainBriefly } from './drain.js';
import { idleBound } from './request-stream.js';

const idleMs = 60_000;

let server: FastifyInstance;
let bodies: Readable[];
let closed: Promise<void>[];

/** Starts a server that refuses each body without reading it, or accepts it. */
async function start(isRefused: boolean): Promise<void> {
  bodies = [];
  closed = [];
  server = Fastify({ logger: false });
  server.addContentTypeParser('application/octet-stream', async (_request: unknown, body: Readable) => {
    const bounded = idleBound(body, idleMs);
    bodies.push(bounded);
    closed.push(new Promise((resolve) => bounded.once('close', resolve)));
    return bounded;
  });
  server.setErrorHandler(async (_error, refused, reply) => {
    await drainBriefly(refused);
    return reply.code(409).send('refused');
  });
  server.post('/', async (_request, reply) => {
    if (isRefused) throw new Error('refused');
    return reply.code(204).send();
  });
  discardUnreadBodies(server);
  const listening: Promise<string> = server.listen({ port: 0, host: '127.0.0.1' });
  await listening;
}
afterEach(() => server.close());

function send(bytes: number): Promise<number> {
  const { port } = server.server.address() as AddressInfo;
  const headers = { 'content-type': 'application/octet-stream', 'content-length': bytes };
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/', headers, agent: false });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.end(Buffer.alloc(bytes));
  });
}

describe('a body that no operation reads', () => {
  it('is read to its end before a refusal, so that the client gets the answer', async () => {
    await start(true);
    expect(await send(3_000_000)).toBe(409);
    await Promise.all(closed);
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('leaves no stream and no timer after the answer', async () => {
    await start(false);
    expect(await send(1_000)).toBe(204);
    await Promise.all(closed);
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
  });
});
