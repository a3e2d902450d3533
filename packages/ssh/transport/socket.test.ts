import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { SshClient } from '../testing/ssh-client.js';
import { startTestServer, type TestServer, type TestServerOptions } from '../testing/test-server.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { Message } from '../wire/message-numbers.js';
import { ReusingSlabPool } from './slabs.js';

const closers: (() => void)[] = [];
afterAll(() => {
  for (const close of closers) close();
});

/** Connects a client and a server over TCP. */
async function connectOverTcp(options: TestServerOptions = {}) {
  const accepted: TestServer[] = [];
  const server = createServer({ pauseOnConnect: true }, (stream) => {
    accepted.push(startTestServer({ logsIn: true, ...options, stream }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const socket: Socket = connectSocket(address.port, '127.0.0.1');
  closers.push(() => {
    socket.destroy();
    server.close();
  });
  const client = await SshClient.connect({ stream: socket });
  await client.requestService();
  const [first] = accepted;
  if (first === undefined) throw new Error('no connection');
  return { ...first, client, socket };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

function numbered(index: number, byteLength = 32_768): Buffer {
  const payload = Buffer.alloc(byteLength, index & 0xff);
  payload[0] = Message.channelData;
  payload.writeUInt32BE(index, 1);
  return payload;
}

describe('over TCP', () => {
  it('receives into lent memory that is reused', async () => {
    const slabs = new ReusingSlabPool();
    const { client, layer } = await connectOverTcp({ slabs });
    let lent = 0;
    let received = 0;
    let isIntact = true;
    layer.onMessage = (_, payload) => {
      isIntact &&= payload.equals(numbered(received));
      received += 1;
      if (slabs.holders(payload) > 0) lent += 1;
      layer.messages.length = 0;
    };
    for (let index = 0; index < 200; index += 1) {
      client.send(numbered(index));
      if (index % 20 === 0) await nextTurn();
    }
    await until(() => received === 200);
    expect(isIntact).toBe(true);
    expect(lent).toBeGreaterThan(150);
    expect(slabs.freeCount).toBeLessThan(3);
  });

  it('keeps the bytes of a held view while later packets arrive', async () => {
    const slabs = new ReusingSlabPool();
    const { client, layer } = await connectOverTcp({ slabs });
    const held: Buffer[] = [];
    layer.onMessage = (_, payload) => {
      if (slabs.holders(payload) > 0) slabs.retain(payload);
      held.push(slabs.holders(payload) > 0 ? payload : Buffer.from(payload));
    };
    for (let index = 0; index < 100; index += 1) client.send(numbered(index));
    await until(() => held.length === 100);
    expect(held.every((payload, index) => payload.equals(numbered(index)))).toBe(true);
  });

  it('stops reading while input is paused, and continues without loss', async () => {
    const { client, transport, layer, socket } = await connectOverTcp();
    transport.pauseInput();
    for (let index = 0; index < 400; index += 1) client.send(numbered(index));
    for (let turn = 0; turn < 100; turn += 1) await nextTurn();
    expect(layer.messages).toEqual([]);
    // The kernel's buffers are full, and the rest waits at the client.
    expect(socket.writableLength).toBeGreaterThan(0);
    transport.resumeInput();
    await until(() => layer.messages.length === 400);
    expect(layer.messages.every((payload, index) => payload.equals(numbered(index)))).toBe(true);
  });

  it('sees the end of the connection while nothing is sent', async () => {
    const { socket, events } = await connectOverTcp();
    socket.end();
    await until(() => events.some(({ kind }) => kind === 'closed'));
    expect(events.at(-1)).toMatchObject({ cause: { by: 'stream' } });
  });

  it('sees a connection that is reset', async () => {
    const { socket, events } = await connectOverTcp();
    socket.resetAndDestroy();
    await until(() => events.some(({ kind }) => kind === 'closed'));
    expect(events.at(-1)).toMatchObject({ cause: { by: 'stream' } });
  });

  it('delivers DISCONNECT to a client that still sends', async () => {
    const { client, transport } = await connectOverTcp();
    for (let index = 0; index < 100; index += 1) client.send(numbered(index));
    await nextTurn();
    transport.disconnect(DisconnectReason.byApplication, 'maintenance');
    expect((await client.disconnected()).text).toBe('maintenance');
  });

  it('takes the bytes that were read before it started', async () => {
    const server = createServer((stream) => {
      stream.once('data', (firstBytes: Buffer) => {
        stream.pause();
        startTestServer({ stream, firstBytes, logsIn: true });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no address');
    const socket = connectSocket(address.port, '127.0.0.1');
    closers.push(() => {
      socket.destroy();
      server.close();
    });
    const client = await SshClient.connect({ stream: socket });
    await client.requestService();
    expect(client.exchangeCount).toBe(1);
  });
});
