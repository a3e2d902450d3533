import { describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { hostKeyAlgorithms } from '../algorithms/host-key-algorithms.js';
import { KexMarker, kexAlgorithms } from '../algorithms/kex-methods.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { SshClient, type SshClientOptions } from '../testing/ssh-client.js';
import { startTestServer, type TestServerOptions } from '../testing/test-server.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';

async function connect(
  options: Omit<SshClientOptions, 'stream'> = {},
  serverOptions: TestServerOptions = { logsIn: true },
) {
  const server = startTestServer(serverOptions);
  const client = await SshClient.connect({ stream: server.clientStream, ...options });
  return { ...server, client };
}

const channelData = (byteLength: number, fill = 1) => [
  Buffer.from([Message.channelData]),
  Buffer.alloc(byteLength, fill),
];

/** Sends messages of many lengths both ways and compares what arrives. */
async function exchangeMessages({
  client,
  transport,
  layer,
}: Awaited<ReturnType<typeof connect>>): Promise<void> {
  await client.requestService();
  const lengths = [0, 1, 7, 8, 9, 31, 32, 33, 1000, 32_768];
  for (const length of lengths) {
    client.send(...channelData(length, length & 0xff));
    transport.send(...channelData(length, length & 0xff));
  }
  for (const [index, length] of lengths.entries()) {
    const expected = Buffer.concat(channelData(length, length & 0xff));
    expect(expected.equals(await client.next(Message.channelData))).toBe(true);
    expect(layer.messages[index]?.equals(expected)).toBe(true);
  }
}

describe('handshake', () => {
  it.each(kexAlgorithms.map(({ name }) => name))('agrees by %s', async (name) => {
    const connection = await connect({ offer: { kex: [name] } });
    expect(connection.client.algorithms.kex.name).toBe(name);
    await exchangeMessages(connection);
  });

  it.each(hostKeyAlgorithms.map(({ name }) => name))('signs with %s', async (name) => {
    const { client } = await connect({ offer: { hostKey: [name] } });
    expect(client.algorithms.hostKey.name).toBe(name);
  });

  const protections = cipherAlgorithms.flatMap(({ name, tagBytes }) =>
    (tagBytes > 0 ? [macAlgorithms[0]] : macAlgorithms).map((mac) => [name, mac?.name ?? ''] as const),
  );

  it.each(protections)('protects packets with %s and %s', async (cipher, mac) => {
    const connection = await connect({ offer: { cipher: [cipher], mac: [mac] } });
    expect(connection.client.algorithms.serverToClient.cipher.name).toBe(cipher);
    await exchangeMessages(connection);
    await connection.client.rekey();
    connection.client.send(...channelData(10));
    connection.transport.send(...channelData(10));
    expect(await connection.client.next()).toEqual(Buffer.concat(channelData(10)));
  });

  it('chooses AES-GCM when the client prefers chacha20-poly1305', async () => {
    const { client } = await connect({
      offer: { cipher: ['chacha20-poly1305@openssh.com', 'aes256-ctr', 'aes256-gcm@openssh.com'] },
    });
    expect(client.algorithms.clientToServer.cipher.name).toBe('aes256-gcm@openssh.com');
  });

  it('chooses chacha20-poly1305 only with strict key exchange when the client offers AES-CTR too', async () => {
    const offer = { cipher: ['chacha20-poly1305@openssh.com', 'aes256-ctr'] };
    const strict = await connect({ offer });
    const plain = await connect({ offer, markers: [] });
    expect(strict.client.algorithms.clientToServer.cipher.name).toBe('chacha20-poly1305@openssh.com');
    expect(plain.client.algorithms.clientToServer.cipher.name).toBe('aes256-ctr');
  });

  it('works for a client that waits for the KEXINIT of the server', async () => {
    const { client } = await connect(
      { waitsForKexInit: true },
      { logsIn: true, limits: { kexInitWaitMs: 1 } },
    );
    expect(client.algorithms.kex.name).toBe('mlkem768x25519-sha256');
  });

  it('works without strict key exchange and without EXT_INFO', async () => {
    const connection = await connect({ markers: [] });
    expect(connection.transport.isStrict).toBe(false);
    await exchangeMessages(connection);
  });

  it('keeps the session identifier in later key exchanges', async () => {
    const { client, transport } = await connect();
    const first = Buffer.from(transport.sessionId);
    await client.requestService();
    await client.rekey();
    expect(Buffer.from(transport.sessionId)).toEqual(first);
    expect(client.sessionId).toEqual(first);
  });
});

describe('guessed key exchange', () => {
  it('uses a guess that is right', async () => {
    const { client } = await connect({ guess: (kex) => kex.opening });
    expect(client.algorithms.isGuessWrong).toBe(false);
  });

  it('drops a guess that is wrong', async () => {
    const { client } = await connect({
      offer: { kex: ['ecdh-sha2-nistp256', 'curve25519-sha256'] },
      guess: (kex) => kex.opening,
    });
    expect(client.algorithms.isGuessWrong).toBe(true);
  });
});

describe('EXT_INFO', () => {
  it('is the first message after NEWKEYS and lists the signature algorithms with commas', async () => {
    const seen: number[] = [];
    const { client } = await connect({ seen: (type) => seen.push(type) });
    const reader = new WireReader(await client.next(Message.extInfo), 1);
    expect(reader.u32()).toBeGreaterThan(0);
    expect(reader.name()).toBe('server-sig-algs');
    expect(reader.nameList()).toEqual(
      expect.arrayContaining(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']),
    );
    expect(seen[seen.indexOf(Message.newKeys) + 1]).toBe(Message.extInfo);
  });

  it('is not sent to a client that did not ask for it', async () => {
    const seen: number[] = [];
    const { client } = await connect({ markers: [KexMarker.strictClient], seen: (type) => seen.push(type) });
    await client.requestService();
    expect(seen).not.toContain(Message.extInfo);
  });
});
