import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Type from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, seededEntropy } from '../../vault/testing/vault-world.js';
import { operationsOn } from '../description/operation.js';
import { memoryIdempotencyKeys } from '../testing/memory-keys.js';
import { defaultApiBounds } from './bounds.js';
import { listenOnSocket } from './listen.js';
import { createApiServer } from './server.js';

const operation = operationsOn<null>();
const common = { group: 'jobs', summary: 'For a test.', needs: 'viewer' } as const;
let received = 0;
const operations = [
  operation({
    ...common,
    id: 'takeJson',
    method: 'POST',
    path: '/api/json',
    body: Type.Object({}),
    example: { body: {} },
    handle: async () => undefined,
  }),
  operation({
    ...common,
    id: 'takeBytes',
    method: 'PUT',
    path: '/api/bytes',
    takes: 'bytes',
    example: {},
    handle: async (_context, { stream }) => {
      for await (const piece of stream ?? []) received += (piece as Buffer).length;
    },
  }),
];
const person = 'x-sftpgw-person: x\r\nx-sftpgw-role: admin\r\n';

describe('a request that is slow', () => {
  let directory: string;
  let path: string;
  let server: AsyncDisposable;
  beforeEach(async () => {
    received = 0;
    directory = mkdtempSync(join(tmpdir(), 'bounds-'));
    path = join(directory, 'api.sock');
    server = await listenOnSocket(
      createApiServer<null>({
        operations,
        context: null,
        idempotencyKeys: memoryIdempotencyKeys(),
        log: call().log,
        entropy: seededEntropy('bounds'),
        bounds: { ...defaultApiBounds, bodyTimeoutMs: 1_000, idleTimeoutMs: 1_000, maxRequests: 2 },
      }),
      path,
    );
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** Sends the text, one byte of `slow` every 20 ms, and returns the answer. */
  function answerTo(text: string, slow = ''): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(path);
      let heard = '';
      let at = 0;
      const timer = setInterval(() => {
        if (at < slow.length && socket.writable) socket.write(slow[at++] ?? '');
      }, 20);
      socket.on('data', (bytes) => {
        heard += bytes.toString();
        if (heard.includes('\r\n\r\n')) socket.end();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(timer);
        resolve(heard);
      });
      socket.write(text);
    });
  }

  const json = `POST /api/json HTTP/1.1\r\nhost: x\r\n${person}content-type: application/json\r\n`;
  const bytes = `PUT /api/bytes HTTP/1.1\r\nhost: x\r\n${person}content-type: application/octet-stream\r\n`;

  it('has a time for its whole JSON body, however steadily it sends', async () => {
    const answer = await answerTo(`${json}content-length: 1000\r\n\r\n`, '{'.repeat(1_000));
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/connection: close/i);
  });

  it('has a time between two pieces of bytes, and none for all of them', async () => {
    expect(await answerTo(`${bytes}content-length: 1000\r\n\r\nabc`)).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toBe(3);
    expect(await answerTo(`${bytes}content-length: 20\r\n\r\n`, 'a'.repeat(20))).toMatch(/^HTTP\/1\.1 204 /);
    expect(received).toBe(23);
  });

  it('leaves a bounded number of others to be answered at once', async () => {
    const held = [1, 2].map(() => answerTo(`${json}content-length: 10\r\n\r\n`));
    const other = () => answerTo(`${json}content-length: 2\r\n\r\n{}`);
    await expect.poll(other, { interval: 5 }).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1/);
    for (const answer of await Promise.all(held)) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(await other()).toMatch(/^HTTP\/1\.1 204 /);
  });
});
