import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
import type { StreamedBody } from '../../model/object-store.js';
import { sendBody } from './send-body.js';

const pieceBytes = 256 * 1024;

let server: http.Server;
let handle: http.RequestListener;
beforeEach(async () => {
  server = http.createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A body that counts the pieces read from it. The piece `failAt` cannot be read. */
function bodyOf(pieces: number, failAt = -1): StreamedBody & { asked: number; left: boolean } {
  const body = {
    byteLength: pieces * pieceBytes,
    checksum: checksumOf('crc32c'),
    asked: 0,
    left: false,
    async *stream() {
      try {
        for (let piece = 0; piece < pieces; piece += 1) {
          if (piece === failAt) throw new Fault('unavailable', 'the disk is gone');
          body.asked += 1;
          yield Buffer.alloc(pieceBytes, piece);
        }
      } finally {
        body.left = true;
      }
    },
  };
  return body;
}

function put(body: StreamedBody): http.ClientRequest {
  const { port } = server.address() as AddressInfo;
  const headers = { 'content-length': body.byteLength };
  return http.request({ host: '127.0.0.1', port, method: 'PUT', headers, agent: false });
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000_000 && !condition(); turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(condition()).toBe(true);
}

it('a streamed body arrives complete, is read no faster than the network, and can be sent again', async () => {
  const body = bodyOf(400);
  let letGo = () => {};
  const received: Promise<number>[] = [];
  handle = (request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
    });
    request.pause();
    letGo = () => request.resume();
    received.push(once(request, 'end').then(() => bytes));
    request.on('end', () => response.end());
  };
  for (const _ of [1, 2]) {
    body.asked = 0;
    const outgoing = put(body);
    const answered = once(outgoing, 'response');
    sendBody(outgoing, body);
    let before = -1;
    await until(() => received.length > 0);
    // The sockets' buffers are full when no more pieces are read.
    for (let still = 0; still < 200; still += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (body.asked !== before) still = 0;
      before = body.asked;
    }
    expect(body.asked).toBeLessThan(200);
    letGo();
    await answered;
    expect(await received.pop()).toBe(body.byteLength);
    expect(body.asked).toBe(400);
    outgoing.destroy();
  }
});

it('a body that cannot be read ends the request with its fault', async () => {
  handle = (request) => request.resume();
  const body = bodyOf(10, 3);
  const outgoing = put(body);
  const failed = once(outgoing, 'error');
  sendBody(outgoing, body);
  expect((await failed)[0]).toMatchObject({ kind: 'unavailable', hint: 'the disk is gone' });
});

it('a response before the end of the body stops the sending', async () => {
  handle = (_request, response) => response.writeHead(403).end();
  const body = bodyOf(4000);
  const outgoing = put(body);
  outgoing.on('error', () => undefined);
  sendBody(outgoing, body);
  const [answer] = (await once(outgoing, 'response')) as [http.IncomingMessage];
  expect(answer.statusCode).toBe(403);
  await until(() => body.left);
  expect(body.asked).toBeLessThan(4000);
  outgoing.destroy();
});
