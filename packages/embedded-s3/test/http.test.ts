import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucket, type RunningServer, runServer, TestKey } from '../testing/running-server.js';
import { type RawRequest, sign } from '../testing/signed-request.js';

let running: RunningServer;
const MiB = 1024 * 1024;

beforeAll(async () => {
  running = await runServer({ idleTimeoutMs: 3000 });
});
afterAll(async () => await running.stop());

function open(): Socket {
  const { hostname, port } = new URL(running.server.endpoint);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  return socket;
}

async function readToEnd(socket: Socket): Promise<string> {
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

/** Returns the head of a signed request, as bytes on the wire. */
function head(raw: RawRequest, more: Record<string, string> = {}): string {
  const { host } = new URL(running.server.endpoint);
  const { path, headers } = sign(raw, host, running.server.credentials);
  const lines = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${raw.method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

describe('a connection', () => {
  it('serves several requests', async () => {
    const socket = open();
    const get = head({ method: 'GET', path: `/${bucket}`, query: { location: '' } });
    socket.write(get);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.end(get.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
    expect(await readToEnd(socket)).toContain('200 OK');
  });

  it('with Expect: 100-continue is asked to continue only if the request is valid', async () => {
    const put: RawRequest = { method: 'PUT', path: `/${bucket}/asked` };
    const good = open();
    good.write(head(put, { expect: '100-continue', 'content-length': '5', connection: 'close' }));
    const first = await new Promise((resolve) => good.once('data', (chunk) => resolve(String(chunk))));
    expect(first).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    good.write('hello');
    expect(await readToEnd(good)).toContain('200 OK');
    const bad = open();
    bad.write(head({ ...put, path: '/no-such-bucket/x' }, { expect: '100-continue', 'content-length': '5' }));
    const answer = await readToEnd(bad);
    expect(answer).not.toContain('100 Continue');
    expect(answer).toContain('404 Not Found');
  });

  it('delivers the error to a client that is still sending its body', async () => {
    const agent = new Agent();
    const { host, hostname, port } = new URL(running.server.endpoint);
    const { path, headers } = sign(
      { method: 'PUT', path: '/no-such-bucket/x' },
      host,
      running.server.credentials,
    );
    const answer = await new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        { agent, hostname, port, path, method: 'PUT', headers: { ...headers, 'content-length': 40 * MiB } },
        (incoming) => {
          incoming.resume();
          incoming.on('end', () => resolve(incoming.statusCode));
        },
      );
      outgoing.on('error', reject);
      const piece = Buffer.alloc(MiB);
      for (let index = 0; index < 40; index++) outgoing.write(piece);
      outgoing.end();
    });
    expect(answer).toBe(404);
    agent.destroy();
  });

  it('is closed if the client stops within a body', async () => {
    const socket = open();
    socket.write(`${head({ method: 'PUT', path: `/${bucket}/silent` }, { 'content-length': '100' })}half`);
    const started = performance.now();
    await readToEnd(socket);
    expect(performance.now() - started).toBeLessThan(20_000);
    expect((await running.raw({ method: 'HEAD', path: `/${bucket}/silent` })).status).toBe(404);
  });

  it('is served if the client pauses between chunks for less than the limit', async () => {
    const socket = open();
    socket.write(
      head({ method: 'PUT', path: `/${bucket}/slow` }, { 'content-length': '4', connection: 'close' }),
    );
    for (const byte of 'slow') {
      await delay(500);
      socket.write(byte);
    }
    expect(await readToEnd(socket)).toContain('200 OK');
  });

  it('receives an error and not a reset for headers that are too long', async () => {
    const socket = open();
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-amz-meta-a: ${'a'.repeat(40_000)}\r\n\r\n`);
    const answer = await readToEnd(socket);
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('<Code>RequestHeaderSectionTooLarge</Code>');
  });

  it('receives an error for data that is not HTTP', async () => {
    const socket = open();
    socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n');
    expect(await readToEnd(socket)).toContain('<Code>BadRequest</Code>');
  });
});

describe('a request', () => {
  it('without credentials, or with the wrong ones, is refused', async () => {
    const { hostname, port } = new URL(running.server.endpoint);
    const plain = await fetch(`http://${hostname}:${port}/${bucket}/x`);
    expect([plain.status, await plain.text()]).toEqual([
      403,
      expect.stringContaining('<Code>AccessDenied</Code>'),
    ]);
    const { host } = new URL(running.server.endpoint);
    const wrong = { ...running.server.credentials, secretAccessKey: 'wrong' };
    const { path, headers } = sign({ method: 'GET', path: `/${bucket}` }, host, wrong);
    const { host: _, 'content-length': __, ...rest } = headers;
    const answer = await fetch(`http://${hostname}:${port}${path}`, { headers: rest });
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('<Code>SignatureDoesNotMatch</Code>'),
    ]);
  });

  it('with a key that is too long, or a path that is not UTF-8, is refused', async () => {
    expect(await running.raw({ method: 'PUT', path: `/${bucket}/${'k'.repeat(1025)}` })).toMatchObject({
      status: 400,
      code: 'KeyTooLongError',
    });
    expect((await running.raw({ method: 'PUT', path: `/${bucket}/${'k'.repeat(1024)}` })).status).toBe(200);
    expect(await running.raw({ method: 'GET', path: `/${bucket}/%ff` })).toMatchObject({ status: 400 });
  });

  it('with metadata beyond 2 KB is refused', async () => {
    const headers = { 'x-amz-meta-a': 'a'.repeat(2100) };
    expect(await running.raw({ method: 'PUT', path: `/${bucket}/m`, headers })).toMatchObject({
      status: 400,
      code: 'MetadataTooLarge',
    });
  });

  it('with a document that is too long is refused', async () => {
    const body = `<Delete>${'<Object><Key>k</Key></Object>'.repeat(100_000)}</Delete>`;
    expect(
      await running.raw({ method: 'POST', path: `/${bucket}`, query: { delete: '' }, body }),
    ).toMatchObject({
      status: 400,
      code: 'MaxMessageLengthExceeded',
    });
  });
});

describe('a customer’s key over plain HTTP', () => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address !== undefined && address.family === 'IPv4' && !address.internal)?.address;

  it.skipIf(own === undefined)('is refused from another address than loopback, unless allowed', async () => {
    const key = new TestKey();
    for (const allowKeysOverPlainHttp of [false, true]) {
      const open = await runServer({ listen: { host: '0.0.0.0', port: 0 }, allowKeysOverPlainHttp });
      const { port } = open.server.address;
      const { host } = { host: `${own}:${port}` };
      const send = async (headers: Record<string, string>) => {
        const signed = sign({ method: 'PUT', path: `/${bucket}/x`, headers }, host, open.server.credentials);
        const { host: _, 'content-length': __, ...rest } = signed.headers;
        const answer = await fetch(`http://${host}${signed.path}`, {
          method: 'PUT',
          headers: rest,
          body: '',
        });
        return { status: answer.status, text: await answer.text() };
      };
      expect((await send({})).status).toBe(200);
      const answer = await send(key.headers());
      expect(answer.status).toBe(allowKeysOverPlainHttp ? 200 : 400);
      if (!allowKeysOverPlainHttp) {
        expect(answer.text).toContain('<Code>InvalidRequest</Code>');
        expect(answer.text).toContain('must be made over a secure connection.');
      }
      await open.stop();
    }
  });
});

describe('closing', () => {
  it('finishes current requests, and accepts no new ones', async () => {
    const closing = await runServer();
    const data = Buffer.alloc(16 * MiB, 7);
    await closing.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'x', Body: data }));
    const { Body } = await closing.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'x' }));
    const closed = closing.server.close(10_000);
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
    await closed;
    await expect(closing.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'x' }))).rejects.toThrow();
    await closing.stop();
  });

  it('closes connections that do not finish in time', async () => {
    const closing = await runServer();
    await closing.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'x', Body: Buffer.alloc(64 * MiB) }));
    const { Body } = await closing.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'x' }));
    if (!(Body instanceof Readable)) throw new Error('the SDK gives a stream');
    // The client does not read, so the server cannot finish.
    const broken = once(Body, 'error');
    const started = performance.now();
    await closing.server.close(300);
    expect(performance.now() - started).toBeLessThan(20_000);
    Body.resume();
    expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
    await closing.stop();
  });
});

describe('silent connections', () => {
  const opened: Socket[] = [];
  let bounded: RunningServer;
  beforeAll(async () => {
    bounded = await runServer({ maxConnections: 20 });
  });
  afterAll(async () => {
    for (const socket of opened) socket.destroy();
    await bounded.stop();
  });

  async function silent(sends: string): Promise<Socket> {
    const { hostname, port } = new URL(bounded.server.endpoint);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.resume();
    opened.push(socket);
    await once(socket, 'connect');
    socket.write(sends);
    return socket;
  }

  it.each([
    ['that send nothing', ''],
    ['that do not end their headers', 'PUT /x HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['that are refused and keep sending', 'PUT /x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n'],
  ])('%s do not lock out others', async (_, sends) => {
    for (let index = 0; index < 60; index++) await silent(sends);
    for (let index = 0; index < 5; index++) {
      const path = `/${bucket}/${index}`;
      expect((await bounded.raw({ method: 'PUT', path, body: 'x' })).status).toBe(200);
      await silent(sends);
    }
    expect((await bounded.raw({ method: 'GET', path: `/${bucket}/4` })).text).toBe('x');
  });

  it('do not interrupt a request in progress', async () => {
    const { host, hostname, port } = new URL(bounded.server.endpoint);
    const path = `/${bucket}/long`;
    const signed = sign({ method: 'PUT', path }, host, bounded.server.credentials);
    const headers = { ...signed.headers, 'content-length': 10, expect: '100-continue' };
    const upload = httpRequest({ agent: false, hostname, port, method: 'PUT', path, headers });
    const answered = once(upload, 'response');
    await Promise.all([once(upload, 'continue'), upload.flushHeaders()]);
    upload.write('12345');
    for (let index = 0; index < 60; index++) await silent('');
    upload.end('67890');
    const [answer] = await answered;
    expect(answer.statusCode).toBe(200);
    answer.resume();
  });
});
