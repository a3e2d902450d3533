import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { SshClient, type SshClientOptions } from '../testing/ssh-client.js';
import { startTestServer, type TestServerOptions } from '../testing/test-server.js';
import { Message, messageKind } from '../wire/message-numbers.js';

async function connect(
  serverOptions: TestServerOptions = {},
  options: Omit<SshClientOptions, 'stream'> = {},
) {
  const server = startTestServer({ logsIn: true, ...serverOptions });
  /** Resolves when the server has completed as many key exchanges. */
  const serverExchanged = async (count: number) => {
    while (server.events.filter(({ kind }) => kind === 'keys').length < count) await nextTurn();
  };
  const client = await SshClient.connect({ stream: server.clientStream, ...options });
  await client.requestService();
  return { ...server, client, serverExchanged };
}

const dataType = Buffer.from([Message.channelData]);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function numbered(index: number, byteLength = 1000): Buffer {
  const payload = Buffer.alloc(byteLength, index & 0xff);
  payload[0] = Message.channelData;
  payload.writeUInt32BE(index, 1);
  return payload;
}

function digestOf(messages: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const message of messages) hash.update(message);
  return hash.digest('hex');
}

describe('rekeying', () => {
  it.each([['client'], ['server'], ['both']])('started by the %s loses no data in flight', async (side) => {
    const { client, transport, layer, serverExchanged } = await connect();
    const count = 300;
    const expected = Array.from({ length: count }, (_, index) => numbered(index));
    const received: Buffer[] = [];
    const reading = (async () => {
      while (received.length < count) received.push(await client.next(Message.channelData));
    })();
    for (let index = 0; index < count; index += 1) {
      // The client sends on until it has seen the server's KEXINIT, as it may; after its own it sends none.
      transport.send(numbered(index));
      client.send(numbered(index));
      if (index % 100 === 50) {
        const exchanged = side === 'server' ? client.exchanged() : client.rekey();
        if (side !== 'client') transport.rekey();
        for (let later = 0; later < 5; later += 1) transport.send(numbered(0, 5));
        await exchanged;
        await serverExchanged(client.exchangeCount);
      }
    }
    await reading;
    const late = received.filter(({ byteLength }) => byteLength === 5);
    const rest = received.filter(({ byteLength }) => byteLength !== 5);
    while (rest.length < count) {
      const payload = await client.next(Message.channelData);
      if (payload.byteLength !== 5) rest.push(payload);
    }
    while (layer.messages.length < count) await nextTurn();
    expect(late.length).toBeGreaterThan(0);
    expect(client.exchangeCount).toBe(4);
    expect(digestOf(rest)).toBe(digestOf(expected));
    expect(digestOf(layer.messages)).toBe(digestOf(expected));
  });

  it('sends only messages of the exchange between our KEXINIT and NEWKEYS', async () => {
    const seen: number[] = [];
    const { client, transport } = await connect({}, { seen: (type) => seen.push(type) });
    seen.length = 0;
    transport.rekey();
    transport.send(dataType, Buffer.alloc(10));
    expect(transport.backlogBytes).toBeGreaterThan(10);
    await client.exchanged();
    await client.next(Message.channelData);
    expect(seen).toEqual([Message.kexInit, Message.kexEcdhReply, Message.newKeys, Message.channelData]);
  });

  it('accepts what the client sent before its KEXINIT, and answers after NEWKEYS', async () => {
    const seen: number[] = [];
    const { client, transport, layer } = await connect({}, { seen: (type) => seen.push(type) });
    layer.onMessage = (_, payload) => transport.send(payload);
    transport.rekey();
    // The server's KEXINIT has not arrived here.
    for (let index = 0; index < 50; index += 1) client.send(numbered(index));
    await client.exchanged();
    for (let index = 0; index < 50; index += 1) {
      expect((await client.next(Message.channelData)).readUInt32BE(1)).toBe(index);
    }
    const kinds = seen.slice(seen.indexOf(Message.kexInit, 1)).map(messageKind);
    expect(kinds.lastIndexOf('newKeys')).toBeLessThan(kinds.indexOf('connection'));
  });

  it('accepts what some clients send behind their KEXINIT, and answers after NEWKEYS', async () => {
    const seen: number[] = [];
    const { client, transport, layer } = await connect({}, { seen: (type) => seen.push(type) });
    layer.onMessage = (_, payload) => transport.send(payload);
    seen.length = 0;
    const exchanged = client.rekey();
    for (let index = 0; index < 50; index += 1) client.send(numbered(index));
    await exchanged;
    for (let index = 0; index < 50; index += 1) {
      expect((await client.next(Message.channelData)).readUInt32BE(1)).toBe(index);
    }
    const kinds = seen.map(messageKind);
    expect(kinds.lastIndexOf('newKeys')).toBeLessThan(kinds.indexOf('connection'));
  });

  it('refuses messages of other protocols behind the KEXINIT of the client', async () => {
    const { client } = await connect();
    const failed = expect(client.rekey()).rejects.toThrow();
    client.send(Buffer.from([Message.serviceRequest]));
    await failed;
    expect((await client.disconnected()).text).toBe('message 5 is not allowed now');
  });

  it('is started by the server after a number of bytes in either direction', async () => {
    const sending = await connect({ limits: { rekeyBytes: 100_000 } });
    for (let index = 0; index < 10; index += 1) sending.transport.send(numbered(index, 11_000));
    await sending.client.exchanged();
    const receiving = await connect({ limits: { rekeyBytes: 100_000 } });
    for (let index = 0; index < 10; index += 1) receiving.client.send(numbered(index, 11_000));
    await receiving.client.exchanged();
    expect(receiving.client.exchangeCount).toBe(2);
  });

  it('is started by the server after a number of packets', async () => {
    const { client } = await connect({ limits: { rekeyPackets: 20 } });
    for (let index = 0; index < 20; index += 1) client.send(numbered(index));
    await client.exchanged();
    expect(client.exchangeCount).toBe(2);
  });

  it('is started by the server after an hour, again and again', async () => {
    const clock = new ManualClock();
    const { client, clientStream, serverExchanged } = await connect({ clock });
    for (let hour = 2; hour < 5; hour += 1) {
      clock.advance(3_600_000);
      await client.exchanged();
      expect(client.exchangeCount).toBe(hour);
      await serverExchanged(hour);
    }
    clientStream.destroy();
  });

  it('ends the connection when the client does not answer in time', async () => {
    const clock = new ManualClock();
    const { transport, clientStream, events } = await connect({ clock });
    clientStream.pause();
    transport.rekey();
    clock.advance(300_000);
    expect(events.at(-1)).toMatchObject({ kind: 'closed', cause: { text: 'key exchange took too long' } });
  });

  it('bounds the messages that wait for it', async () => {
    const { transport, clientStream, events } = await connect({ limits: { maxQueuedBytes: 100_000 } });
    clientStream.pause();
    transport.rekey();
    for (let index = 0; index < 200; index += 1) transport.send(numbered(index));
    expect(events.at(-1)).toMatchObject({
      kind: 'closed',
      cause: { text: 'too many messages wait for the key exchange' },
    });
    expect(transport.backlogBytes).toBeLessThan(200_000);
  });

  it('reports a drain when the messages that waited have been written', async () => {
    const { client, transport, layer } = await connect();
    transport.rekey();
    for (let index = 0; index < 300; index += 1) transport.send(numbered(index));
    expect(layer.drainCount).toBe(0);
    await client.exchanged();
    for (let index = 0; index < 300; index += 1) await client.next(Message.channelData);
    await nextTurn();
    expect(layer.drainCount).toBe(1);
  });
});
