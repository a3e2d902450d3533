import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/wait.js';
import { string } from '../testing/encode-request.js';
import { offeredCiphers, previewKeyExchange } from './key-exchange-preview.js';

function kexInit(toServer: string, toClient: string): Buffer {
  const names = ['kex', 'key', toServer, toClient, 'mac', 'mac', 'none', 'none', '', ''];
  const payload = Buffer.concat([
    Buffer.from([20]),
    Buffer.alloc(16, 7),
    ...names.map(string),
    Buffer.alloc(5),
  ]);
  const padding = 8 - ((5 + payload.byteLength) % 8) + 8;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.byteLength + padding);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

const opening = Buffer.concat([
  Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n'),
  kexInit('chacha,aes,gcm', 'gcm,aes'),
]);

describe('the ciphers that a client offers', () => {
  it('are those of both directions, in its own order', () => {
    expect(offeredCiphers(opening)).toEqual(['aes', 'gcm']);
    expect(offeredCiphers(Buffer.concat([opening, Buffer.from('more')]))).toEqual(['aes', 'gcm']);
  });

  it('are waited for while they are on the way', () => {
    for (let length = 0; length < opening.byteLength; length++) {
      expect(offeredCiphers(opening.subarray(0, length))).toBeNull();
    }
  });

  it('are unclear, and no reason to fail, for whatever else comes', () => {
    for (const other of ['GET / HTTP/1.1\r\n\r\n', 'x'.repeat(9000), 'SSH-2.0-x\r\n\0\0\0\x0cabcdefgh']) {
      expect(offeredCiphers(Buffer.from(other))).toBe('unclear');
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(opening.byteLength), (bytes, keep) => {
        const answer = offeredCiphers(Buffer.concat([opening.subarray(0, keep), bytes]));
        expect(answer === null || answer === 'unclear' || Array.isArray(answer)).toBe(true);
      }),
    );
  });
});

describe('the preview', () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  async function pair(): Promise<{ client: Socket; server: Socket }> {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const client = connect(address.port, '127.0.0.1');
    const [server] = (await once(listener, 'connection')) as [Socket];
    ends.push(() => {
      client.destroy();
      server.destroy();
      listener.close();
    });
    return { client, server };
  }

  it('gives everything that it read back to the socket and sends the version line once', async () => {
    const { client, server } = await pair();
    let text = '';
    client.on('data', (chunk) => {
      text += chunk.toString();
    });
    const ciphers = new Promise<readonly string[]>((resolve) => previewKeyExchange(server, 'test', resolve));
    client.write(opening.subarray(0, 30));
    await once(client, 'data');
    client.write(opening.subarray(30));
    expect(await ciphers).toEqual(['aes', 'gcm']);
    server.write(Buffer.from('SSH-2.0-test\r\n'));
    server.write('next');
    let received = Buffer.alloc(0);
    server.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
    });
    server.resume();
    await eventually('all has come back', () => received.byteLength === opening.byteLength);
    expect(received.equals(opening)).toBe(true);
    await eventually('the server has been heard', () => text.endsWith('next'));
    expect(text).toBe('SSH-2.0-test\r\nnext');
  });

  it('does not wait long for a client that waits for the server', async () => {
    const { client, server } = await pair();
    const ciphers = new Promise<readonly string[]>((resolve) => previewKeyExchange(server, 'test', resolve));
    client.write('SSH-2.0-patient\r\n');
    expect(await ciphers).toEqual([]);
  });
});
