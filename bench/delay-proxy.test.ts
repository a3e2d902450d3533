import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { startDelayProxy } from './delay-proxy.js';

it('delivers every byte and the end after the delay, in both directions', async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  await using proxy = await startDelayProxy((echo.address() as AddressInfo).port, 20);
  const client = connect(proxy.port, '127.0.0.1');
  await once(client, 'connect');
  const sent = Buffer.alloc(3_000_000, 'abc');
  const startedMs = performance.now();
  client.end(sent);
  const received: Buffer[] = [];
  let firstMs: number | null = null;
  for await (const chunk of client) {
    firstMs ??= performance.now();
    received.push(chunk as Buffer);
  }
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  expect((firstMs ?? 0) - startedMs).toBeGreaterThanOrEqual(39);
  echo.close();
});
