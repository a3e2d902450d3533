import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loopbackTls, writeLoopbackCa } from '../../../test/support/loopback-tls.js';
import { eventually } from '../../../test/support/wait.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { Call } from '../../model/call.js';
import { noKey } from '../../model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from '../object-store.js';
import type { S3StoreOptions } from '../options.js';

/* Both kinds of connections, over TLS: for requests of the SDK, and for object bytes. */

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const newCall = (signal = new AbortController().signal): Call => ({ id: 'x', signal, log: silent });
const ref = { bucket: 'bucket', key: 'key' };

let directory: string;
let caFile: string;
let server: https.Server;
let serve: (request: http.IncomingMessage, response: http.ServerResponse) => void;
/** Connections that the server accepted, to show whether one was reused. */
let connections = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-tls-'));
  caFile = writeLoopbackCa(directory);
  server = https.createServer({ ...loopbackTls, keepAliveTimeout: 60_000 }, (request, response) => {
    response.setHeader('etag', '"e"');
    serve(request, response);
  });
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  connections = 0;
});

function open(more: Partial<S3StoreOptions> = {}): S3ObjectStore {
  return createS3ObjectStore({
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    caFile,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    clock: systemClock,
    entropy: systemEntropy,
    retry: { maxAttempts: 1 },
    ...more,
  });
}

function serveObject(content: Buffer): void {
  serve = (_, response) => response.writeHead(200, { 'content-length': content.byteLength }).end(content);
}

/** A request for each kind of connection. */
function bothWays(store: S3ObjectStore): (() => Promise<unknown>)[] {
  return [() => store.head(newCall(), ref, noKey), () => store.read(newCall(), ref, noKey, null)];
}

async function readAll(store: S3ObjectStore): Promise<Buffer> {
  const body = await store.read(newCall(), ref, noKey, null);
  const pieces: Uint8Array[] = [];
  for await (const piece of body?.bytes ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('reading an object', () => {
  it.each([0, 1, 100, 16_384, 262_144, 262_145, 3_000_001])('returns its %i bytes', async (byteLength) => {
    await using store = open();
    const content = randomBytes(byteLength);
    serveObject(content);
    for (let times = 0; times < 3; times += 1) expect((await readAll(store)).equals(content)).toBe(true);
    expect(connections).toBe(1);
  });

  it('slowly keeps at most a bounded number of bytes in memory, and leaves the connection usable', async () => {
    await using store = open();
    const content = randomBytes(24 * 1024 * 1024);
    let written = 0;
    serve = (_, response) => {
      response.writeHead(200, { 'content-length': content.byteLength });
      const step = 64 * 1024;
      const write = () => {
        while (written < content.byteLength) {
          const more = response.write(content.subarray(written, written + step));
          written += step;
          if (!more) return response.once('drain', write);
        }
        return response.end();
      };
      write();
    };
    const body = await store.read(newCall(), ref, noKey, null);
    // More than the reader takes ahead: the rest waits in the sockets.
    await eventually('the server is ahead', async () => written > 2 * 1024 * 1024);
    const pieces: Uint8Array[] = [];
    let read = 0;
    let maxAhead = 0;
    for await (const piece of body?.bytes ?? []) {
      pieces.push(piece);
      read += piece.byteLength;
      // The server could write much more in these turns.
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      maxAhead = Math.max(maxAhead, written - read);
    }
    expect(maxAhead).toBeLessThan(content.byteLength / 2);
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
    serveObject(content.subarray(0, 10));
    expect(await readAll(store)).toEqual(content.subarray(0, 10));
    expect(connections).toBe(1);
  });

  it('leaves the connection usable when the last bytes arrived while reading was paused', async () => {
    await using store = open();
    // TLS passes on what it has decrypted although reading was paused. Sizes around the bound show that.
    for (let byteLength = 1024 * 1024; byteLength < 1536 * 1024; byteLength += 50_000) {
      const content = randomBytes(byteLength);
      let isSent = false;
      serve = (_, response) => {
        response.writeHead(200, { 'content-length': content.byteLength }).end(content, () => {
          isSent = true;
        });
      };
      const body = await store.read(newCall(), ref, noKey, null);
      await eventually('the response is sent', async () => isSent);
      const pieces: Uint8Array[] = [];
      for await (const piece of body?.bytes ?? []) pieces.push(piece);
      expect(Buffer.concat(pieces).equals(content)).toBe(true);
    }
    expect(connections).toBe(1);
  });

  it('uses at most the maximum of connections; other reads wait for their turn', async () => {
    await using store = open({ maxSockets: 2 });
    const content = randomBytes(100_000);
    let atOnce = 0;
    let most = 0;
    serve = (_, response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      setTimeout(() => {
        atOnce -= 1;
        response.writeHead(200, { 'content-length': content.byteLength }).end(content);
      }, 10);
    };
    const all = await Promise.all(Array.from({ length: 12 }, () => readAll(store)));
    expect(all.every((one) => one.equals(content))).toBe(true);
    expect(most).toBe(2);
    expect(connections).toBe(2);
  });

  it('stops waiting for a connection when the call is cancelled', async () => {
    await using store = open({ maxSockets: 1 });
    serve = () => undefined;
    const hanging = new AbortController();
    const first = store.read(newCall(hanging.signal), ref, noKey, null);
    const waiting = new AbortController();
    const second = store.read(newCall(waiting.signal), ref, noKey, null);
    waiting.abort();
    await expect(second).rejects.toMatchObject({ kind: 'cancelled' });
    hanging.abort();
    await expect(first).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('reads an error response with a length, in chunks, or up to the end of the connection', async () => {
    await using store = open();
    const refusal = '<Error><Code>InvalidObjectState</Code></Error>';
    for (const headers of [{ 'content-length': refusal.length }, {}, { connection: 'close' }]) {
      serve = (_, response) => {
        response.writeHead(403, headers);
        response.write(refusal.slice(0, 10));
        setImmediate(() => response.end(refusal.slice(10)));
      };
      await expect(store.read(newCall(), ref, noKey, null)).rejects.toMatchObject({ kind: 'unsupported' });
    }
  });

  it.each([
    ['something other than HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'x-filler: 1234567890\r\n'.repeat(5_000)}`],
    ['more than was announced', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n123456'],
    ['an end too early', 'HTTP/1.1 200 OK\r\ncontent-le'],
  ])('fails when the server sends %s', async (_, sent) => {
    await using store = open();
    serve = (request) => request.socket.end(sent);
    const reading = readAll(store);
    await expect(reading).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a certificate', () => {
  it('that is not trusted is a fault that names the remedy, on both kinds of connections', async () => {
    await using store = open({ caFile: null });
    serveObject(Buffer.from('x'));
    for (const attempt of bothWays(store)) {
      await expect(attempt()).rejects.toMatchObject({
        kind: 'invalid',
        hint: expect.stringContaining('AWS_CA_BUNDLE'),
      });
    }
  });

  it('for another name is a fault', async () => {
    const { port } = server.address() as AddressInfo;
    await using store = open({ endpoint: `https://127.0.0.2:${port}` });
    for (const attempt of bothWays(store)) await expect(attempt()).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('a connection', () => {
  it('that is not established fails after its timeout, on both kinds of connections', async () => {
    // A server that accepts TCP connections and sends nothing, so that TLS is never established.
    const mute = net.createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const endpoint = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const store = open({ endpoint, connectTimeoutMs: 100 });
    for (const attempt of bothWays(store)) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'timed-out' });
    }
    await store[Symbol.asyncDispose]();
    await new Promise((resolve) => mute.close(resolve));
  });

  it('that another request leaves to a waiting one has no time limit for being established', async () => {
    const connectTimeoutMs = 100;
    // A server that is slow to answer, as it is to a large part.
    serve = (_, response) => setTimeout(() => response.writeHead(200, { 'content-length': 0 }).end(), 300);
    await using store = open({ maxSockets: 1, connectTimeoutMs });
    await Promise.all([store.head(newCall(), ref, noKey), store.head(newCall(), ref, noKey)]);
    expect(connections).toBe(1);
  });
});
