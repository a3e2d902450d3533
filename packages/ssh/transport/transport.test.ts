import { describe, expect, it } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { SshClient, type SshClientOptions } from '../testing/ssh-client.js';
import { startTestServer, type TestServerOptions } from '../testing/test-server.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import type { CloseCause, TransportEvent } from './events.js';

async function connect(
  serverOptions: TestServerOptions = { logsIn: true },
  options: Omit<SshClientOptions, 'stream'> = {},
) {
  const server = startTestServer(serverOptions);
  const client = await SshClient.connect({ stream: server.clientStream, ...options });
  return { ...server, client };
}

function causeOf(events: readonly TransportEvent[]): CloseCause | null {
  const closed = events.filter((event) => event.kind === 'closed');
  expect(closed.length).toBeLessThan(2);
  return closed[0]?.cause ?? null;
}

const message = (type: number, ...rest: number[]) => Buffer.from([type, ...rest]);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('first key exchange', () => {
  const inserted = [Message.ignore, Message.debug, Message.unimplemented, Message.serviceRequest, 94, 192];
  const markers = [[], undefined] as const;

  it.each(inserted)(
    'refuses message %i before KEXINIT, with and without strict key exchange',
    async (type) => {
      const { clientStream, events } = startTestServer();
      const client = new SshClient({ stream: clientStream, waitsForKexInit: true });
      client.send(message(type, 0, 0, 0, 0));
      expect((await client.disconnected()).reason).toBe(DisconnectReason.protocolError);
      expect(causeOf(events)?.by).toBe('server');
    },
  );

  it.each(inserted)(
    'refuses message %i after KEXINIT, with and without strict key exchange',
    async (type) => {
      for (const offered of markers) {
        const { clientStream } = startTestServer();
        const client = new SshClient({
          stream: clientStream,
          ...(offered === undefined ? {} : { markers: offered }),
        });
        client.send(message(type, 0, 0, 0, 0));
        expect((await client.disconnected()).text).toBe(`message ${type} is not allowed now`);
      }
    },
  );

  it('refuses a message between the method and NEWKEYS', async () => {
    const { clientStream } = startTestServer();
    const client: SshClient = new SshClient({
      stream: clientStream,
      seen: (type) => {
        if (type === Message.kexEcdhReply) client.send(message(Message.ignore, 0, 0, 0, 0));
      },
    });
    expect((await client.disconnected()).text).toBe('message 2 is not allowed now');
  });

  it('refuses a second KEXINIT', async () => {
    const { clientStream } = startTestServer();
    const client: SshClient = new SshClient({
      stream: clientStream,
      seen: (type, payload) => {
        if (type === Message.kexInit) client.send(payload);
      },
    });
    expect((await client.disconnected()).reason).toBe(DisconnectReason.protocolError);
  });

  it('is the only one before the login', async () => {
    const { client } = await connect({});
    await expect(client.rekey()).rejects.toThrow();
    expect((await client.disconnected()).text).toBe('message 20 is not allowed now');
  });

  it('restarts the sequence numbers under strict key exchange', async () => {
    const { client, transport } = await connect();
    expect(transport.isStrict).toBe(true);
    // The number of an unimplemented message tells the server's count: it is the first packet after NEWKEYS.
    client.send(message(200));
    const reader = new WireReader(await client.next(Message.unimplemented), 1);
    expect(reader.u32()).toBe(0);
  });

  it('continues the sequence numbers without strict key exchange', async () => {
    const { client } = await connect({}, { markers: [] });
    client.send(message(200));
    const reader = new WireReader(await client.next(Message.unimplemented), 1);
    expect(reader.u32()).toBe(3);
  });

  it('names the lists that have nothing in common, to the client and in the log', async () => {
    const logged: unknown[] = [];
    const log = {
      debug: () => undefined,
      info: (...line: unknown[]) => logged.push(line),
      warn: () => undefined,
    };
    const { clientStream } = startTestServer({ log });
    const client = new SshClient({ stream: clientStream, ident: 'old', offer: { cipher: ['aes128-cbc'] } });
    await expect(client.exchanged()).rejects.toThrow();
    expect(logged).toEqual([
      [
        {
          software: 'old',
          reason: DisconnectReason.keyExchangeFailed,
          cause: expect.stringContaining(
            'no common algorithm for cipher (client to server): client offers aes128-cbc; server offers aes128-gcm',
          ),
        },
        'SSH connection refused',
      ],
    ]);
  });
});

describe('service request', () => {
  it('is accepted for ssh-userauth and reported', async () => {
    const { client, events } = await connect();
    await client.requestService();
    expect(events.map(({ kind }) => kind)).toEqual(['ident', 'keys', 'userauth']);
  });

  it('is refused for any other service', async () => {
    const { client } = await connect();
    client.send(new WireWriter().u8(Message.serviceRequest).string('ssh-connection').finish());
    expect((await client.disconnected()).reason).toBe(DisconnectReason.serviceNotAvailable);
  });

  it('is refused a second time', async () => {
    const { client } = await connect({});
    await client.requestService();
    client.send(new WireWriter().u8(Message.serviceRequest).string('ssh-userauth').finish());
    expect((await client.disconnected()).reason).toBe(DisconnectReason.protocolError);
  });
});

describe('messages of the transport', () => {
  it('answers unknown numbers with UNIMPLEMENTED and their sequence number', async () => {
    const { client } = await connect();
    for (let sequence = 0; sequence < 3; sequence += 1) {
      client.send(message(150 + sequence));
      expect(new WireReader(await client.next(Message.unimplemented), 1).u32()).toBe(sequence);
    }
  });

  it('answers a ping with its data', async () => {
    const { client } = await connect();
    client.send(new WireWriter().u8(Message.ping).string('hello').finish());
    expect(await client.next(Message.pong)).toEqual(
      new WireWriter().u8(Message.pong).string('hello').finish(),
    );
  });

  it('accepts EXT_INFO directly after NEWKEYS and refuses it later', async () => {
    const extInfo = new WireWriter().u8(Message.extInfo).u32(1).string('a@b').string('').finish();
    const { client } = await connect({});
    client.send(extInfo);
    await client.requestService();
    const late = await connect({});
    late.client.send(message(Message.ignore, 0, 0, 0, 0));
    late.client.send(extInfo);
    expect((await late.client.disconnected()).text).toContain('EXT_INFO');
  });

  it('reports DISCONNECT of the client with reason and text', async () => {
    const { client, events, layer } = await connect();
    client.send(new WireWriter().u8(Message.disconnect).u32(11).string('bye').string('').finish());
    await expect(client.next(1000)).rejects.toThrow();
    expect(causeOf(events)).toEqual({ by: 'client', reason: 11, text: 'bye' });
    expect(layer.isClosed).toBe(true);
  });

  it('reports a stream that ends without DISCONNECT', async () => {
    const { client, events, clientStream } = await connect();
    client.destroy();
    await new Promise((resolve) => clientStream.once('close', resolve));
    await nextTurn();
    expect(causeOf(events)?.by).toBe('stream');
  });
});

describe('faults', () => {
  it('ends the connection with the reason of a ProtocolError of the layer', async () => {
    const { client, layer } = await connect();
    layer.onMessage = () => {
      throw protocolFault('channel 7 is not open');
    };
    await client.requestService();
    client.send(message(94));
    expect(await client.disconnected()).toEqual({ reason: 2, text: 'channel 7 is not open' });
  });

  it('logs another error of the layer and does not send its text', async () => {
    const logged: unknown[] = [];
    const log = {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields: unknown) => logged.push(fields),
    };
    const { client, layer } = await connect({ logsIn: true, log });
    const error = new Error('secret path');
    layer.onMessage = () => {
      throw error;
    };
    await client.requestService();
    client.send(message(94));
    expect((await client.disconnected()).text).toBe('internal error');
    expect(logged).toEqual([{ software: 'test', err: error }]);
  });

  it('sends a browser a line of text that names SSH', async () => {
    const { clientStream } = startTestServer();
    clientStream.write('GET / HTTP/1.1\r\n\r\n');
    let text = '';
    for await (const chunk of clientStream) text += chunk;
    expect(text).toBe(
      'SSH-2.0-sftpgw_test\r\nInvalid SSH identification: first line is not an SSH identification.\r\n',
    );
  });

  it('ignores input after the end, and sends nothing', async () => {
    const { client, transport, layer } = await connect();
    await client.requestService();
    transport.disconnect(DisconnectReason.byApplication, 'end');
    transport.send(message(94));
    client.send(message(94));
    expect((await client.disconnected()).text).toBe('end');
    await expect(client.next()).rejects.toThrow();
    expect(layer.messages).toEqual([]);
  });
});

describe('bounds', () => {
  it('ends a connection that sends no byte', async () => {
    const clock = new ManualClock();
    const { events } = startTestServer({ clock });
    clock.advance(10_001);
    expect(causeOf(events)).toMatchObject({ by: 'server', text: 'no identification was received' });
  });

  it('ends a connection that is not logged in in time', async () => {
    const clock = new ManualClock();
    const { client, events } = await connect({ clock });
    await client.requestService();
    clock.advance(59_999);
    expect(causeOf(events)).toBeNull();
    clock.advance(1);
    expect(causeOf(events)).toMatchObject({ by: 'server', text: 'login took too long' });
  });

  it('leaves no timer of the login after it', async () => {
    const clock = new ManualClock();
    const { client, events } = await connect({ clock, logsIn: true });
    await client.requestService();
    expect(clock.timerCount).toBe(1);
    clock.advance(3_500_000);
    expect(causeOf(events)).toBeNull();
  });

  it('destroys a stream that the client does not close', async () => {
    const clock = new ManualClock();
    const { transport, stream } = await connect({ clock });
    transport.disconnect(DisconnectReason.byApplication, 'end');
    expect(stream.destroyed).toBe(false);
    clock.advance(2_000);
    expect(stream.destroyed).toBe(true);
  });

  it('bounds the messages before the login', async () => {
    const { client } = await connect({ limits: { maxLoginMessages: 10 } });
    for (let count = 0; count < 20; count += 1) client.send(message(Message.ignore, 0, 0, 0, 0));
    expect((await client.disconnected()).text).toBe('too many messages before the login');
  });

  it('bounds the length of a message before the login, and less after it', async () => {
    const long = Buffer.concat([message(150), Buffer.alloc(50_000)]);
    const before = await connect({});
    before.client.send(long);
    expect((await before.client.disconnected()).text).toBe('packet is corrupt or longer than 40260 bytes');
    const after = await connect();
    await after.client.requestService();
    after.client.send(long);
    await after.client.next(Message.unimplemented);
    after.client.send(Buffer.concat([message(94), Buffer.alloc(256 * 1024 - 1)]));
    await nextTurn();
    after.client.send(Buffer.concat([message(94), Buffer.alloc(256 * 1024)]));
    expect((await after.client.disconnected()).reason).toBe(DisconnectReason.protocolError);
    expect(after.layer.messages.map(({ byteLength }) => byteLength)).toEqual([256 * 1024]);
  });
});
