import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** SSH_MSG_IGNORE with an empty string, as an unencrypted packet: 16 bytes with 10 of padding. */
const ignorePacket = Buffer.concat([Buffer.of(0, 0, 0, 12, 6, 2, 0, 0, 0, 0), Buffer.alloc(6)]);

/** A man in the middle that inserts a packet before a side's NEWKEYS, as the attack of CVE-2023-48795 begins. */
export interface InjectingProxy extends AsyncDisposable {
  readonly port: number;
}

export async function startInjectingProxy(port: number, into: 'client' | 'server'): Promise<InjectingProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    forward(client, upstream, into === 'server');
    forward(upstream, client, into === 'client');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Forwards bytes, and inserts the packet behind the identification and the KEXINIT. */
function forward(from: Socket, to: Socket, injects: boolean): void {
  let held = Buffer.alloc(0);
  let isDone = !injects;
  from.on('data', (bytes: Buffer) => {
    if (isDone) return void to.write(bytes);
    held = Buffer.concat([held, bytes]);
    const start = held.indexOf(10) + 1;
    if (start === 0 || held.byteLength < start + 4) return;
    const end = start + 4 + held.readUInt32BE(start);
    if (held.byteLength < end) return;
    isDone = true;
    to.write(Buffer.concat([held.subarray(0, end), ignorePacket, held.subarray(end)]));
  });
}
