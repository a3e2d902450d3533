import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Bytes on the way in one direction of a connection: the proxy stops reading above it. It is 2.5 GiB/s at a delay of 25 ms. */
const maxUnderwayBytes = 64 * 1024 * 1024;

/**
 * Starts a TCP proxy on loopback that delivers every byte `delayMs` later, in both directions: a link with a round trip of twice the
 * delay and no limit of its rate.
 */
export async function startDelayProxy(
  targetPort: number,
  delayMs: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    delayed(client, target, delayMs);
    delayed(target, client, delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Passes on the bytes and the end of a stream after the delay. */
function delayed(from: Socket, to: Socket, delayMs: number): void {
  /** Chunks in transit, in order. Null is the end. */
  const underway: { readonly dueMs: number; readonly bytes: Buffer | null }[] = [];
  let underwayBytes = 0;
  let isScheduled = false;
  const schedule = (ms: number) => {
    isScheduled = true;
    setTimeout(deliver, Math.max(0, ms));
  };
  const deliver = () => {
    isScheduled = false;
    // Timers have a resolution of 1 ms.
    const nowMs = performance.now() + 0.5;
    let next = underway[0];
    while (next !== undefined && next.dueMs <= nowMs) {
      underway.shift();
      if (next.bytes === null) to.end();
      else {
        underwayBytes -= next.bytes.byteLength;
        to.write(next.bytes);
      }
      next = underway[0];
    }
    if (next !== undefined) schedule(next.dueMs - performance.now());
    if (underwayBytes + to.writableLength < maxUnderwayBytes) from.resume();
  };
  const send = (bytes: Buffer | null) => {
    underway.push({ dueMs: performance.now() + delayMs, bytes });
    underwayBytes += bytes?.byteLength ?? 0;
    if (underwayBytes + to.writableLength >= maxUnderwayBytes) from.pause();
    if (!isScheduled) schedule(delayMs);
  };
  from.on('data', send);
  from.on('end', () => send(null));
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
  to.on('drain', () => {
    if (underwayBytes + to.writableLength < maxUnderwayBytes) from.resume();
  });
}
