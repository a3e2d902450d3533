import { describe, expect, it } from 'vitest';
import { SshClient } from '../testing/ssh-client.js';
import { startTestServer, type TestServerOptions } from '../testing/test-server.js';
import { Message } from '../wire/message-numbers.js';

async function connect(serverOptions: TestServerOptions = { logsIn: true }) {
  const server = startTestServer(serverOptions);
  const client = await SshClient.connect({ stream: server.clientStream });
  return { ...server, client };
}

const message = (type: number, ...rest: number[]) => Buffer.from([type, ...rest]);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a client that does not read', () => {
  it('is not read while 1 MiB is unwritten, before the login and after it', async () => {
    for (const logsIn of [false, true]) {
      const { client, transport, clientStream } = await connect({
        logsIn,
        limits: { maxLoginMessages: 1e9 },
      });
      await client.requestService();
      const pings = 64;
      const data = Buffer.concat([message(Message.ping), Buffer.alloc(32_000)]);
      clientStream.pause();
      for (let count = 0; count < 4 * pings; count += 1) {
        client.send(data);
        if (count % 8 === 0) await nextTurn();
      }
      for (let turn = 0; turn < 50; turn += 1) await nextTurn();
      expect(transport.backlogBytes).toBeGreaterThan(1024 * 1024);
      expect(transport.backlogBytes).toBeLessThan(1024 * 1024 + 33_000);
      clientStream.resume();
      for (let count = 0; count < 4 * pings; count += 1) await client.next(Message.pong);
    }
  });

  it('is reported as drained once it reads again', async () => {
    const { client, transport, clientStream, layer } = await connect();
    await client.requestService();
    clientStream.pause();
    const data = Buffer.concat([message(94), Buffer.alloc(32_000)]);
    for (let count = 0; count < 30; count += 1) transport.send(data);
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    expect(layer.drainCount).toBe(0);
    clientStream.resume();
    for (let count = 0; count < 30; count += 1) await client.next(94);
    await nextTurn();
    expect(layer.drainCount).toBe(1);
  });
});

describe('paused input', () => {
  it('delivers nothing until it is resumed, then everything in order', async () => {
    const { client, transport, layer } = await connect();
    await client.requestService();
    layer.onMessage = () => {
      if (layer.messages.length === 1) transport.pauseInput();
    };
    for (let count = 0; count < 5; count += 1) client.send(message(94, count));
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    expect(layer.messages).toEqual([message(94, 0)]);
    transport.resumeInput();
    await nextTurn();
    expect(layer.messages).toEqual([0, 1, 2, 3, 4].map((count) => message(94, count)));
  });
});
