import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { TestUsers } from '../auth/testing/test-users.js';
import { client as messages } from '../connection/testing/client-messages.js';
import { SshClient } from '../testing/ssh-client.js';
import { makeUserKey } from '../testing/user-keys.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { Message } from '../wire/message-numbers.js';
import { WireWriter } from '../wire/writer.js';
import { EchoApplication } from './testing/echo-application.js';
import { logIn, openSftp, TestSshServer, testPassword, tryPassword } from './testing/test-ssh-server.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Connects a client whose stream to the server the test sees. */
async function connectWithStream(
  test: TestSshServer,
): Promise<{ client: SshClient; stream: Duplex; server: Duplex }> {
  const [server, stream] = duplexPair();
  stream.on('error', () => undefined);
  test.server.accept(server, { address: '192.0.2.6', port: 1 });
  return { client: await SshClient.connect({ stream }), stream, server };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Attacks that were tried on the gateway, some with success, while it used another SSH library. */
describe('a client with a small maximum packet size', () => {
  it.each([0, 1, 1023])('gets no channel for a maximum of %i bytes', async (packetBytes) => {
    const test = new TestSshServer();
    const attacker = await test.logIn();
    attacker.send(messages.open(0, 2 ** 31, packetBytes));
    const failure = await attacker.next(Message.channelOpenFailure);
    expect(failure.readUInt32BE(5)).toBe(1);
    expect(test.application.sessions).toEqual([]);
  });

  it('does not hold the event loop with 4 MiB of answers in packets of 1 KiB', async () => {
    const application = new EchoApplication(64 * MiB);
    const test = new TestSshServer({}, application);
    const attacker = await test.logIn();
    await openSftp(attacker, 0, 2 ** 31, 1024);
    const user = await test.logIn({ address: '192.0.2.2', port: 1 }, 'bob');
    const number = await openSftp(user);
    const channel = application.sessions[0]?.channel;
    for (let read = 0; read < 16; read++) channel?.write([Buffer.alloc(255 * KiB)]);
    user.send(messages.data(number, Buffer.from('question')));
    expect((await user.next(Message.channelData)).subarray(9).toString()).toBe('question');
    // The user did not wait for the attacker's answers.
    expect(channel?.bytesSent).toBeLessThan(2 * MiB);
  });
});

describe('a client that closes its channel again and again', () => {
  it('loses its connection at the second CLOSE, and opens no further channels', async () => {
    const test = new TestSshServer({ limits: { connection: { maxChannels: 3 } } });
    const attacker = await test.logIn();
    attacker.send(messages.open(0));
    await attacker.next(Message.channelOpenConfirmation);
    for (let close = 0; close < 300; close++) attacker.send(messages.close(0));
    for (let peer = 1; peer < 300; peer++) attacker.send(messages.open(peer), messages.subsystem(peer - 1));
    expect(await attacker.disconnected()).toEqual({
      reason: DisconnectReason.protocolError,
      text: 'message for a channel that does not exist',
    });
    expect(test.application.sessions).toEqual([]);
    expect(test.server.windowBytes).toBe(0);
  });

  it('stays within the maximum of channels, however it opens and closes them', async () => {
    const test = new TestSshServer({ limits: { connection: { maxChannels: 3 } } });
    const attacker = await test.logIn();
    for (let round = 0; round < 100; round++) {
      const number = await openSftp(attacker, round);
      attacker.send(messages.close(number));
      await attacker.next(Message.channelClose);
    }
    for (let peer = 0; peer < 3; peer++) await openSftp(attacker, peer);
    await expect(openSftp(attacker, 9)).rejects.toThrow('the channel was refused');
  });
});

describe('silent connections', () => {
  it('do not keep others from logging in: 1,200 of them from 6 addresses', async () => {
    const test = new TestSshServer();
    const silent = Array.from({ length: 1200 }, (_, index) =>
      test.open({ address: `203.0.113.${index % 6}`, port: index }),
    );
    expect(test.server.unauthenticatedCount).toBeLessThanOrEqual(400);
    for (let login = 0; login < 20; login++) {
      const startedMs = performance.now();
      const user = await test.logIn({ address: '192.0.2.9', port: login });
      expect(performance.now() - startedMs).toBeLessThan(1000);
      user.end();
    }
    for (const stream of silent) stream.destroy();
  });

  it('count by the network of 64 bits for IPv6', () => {
    const test = new TestSshServer();
    const peers = Array.from({ length: 300 }, (_, index) => `2001:db8::${index.toString(16)}`);
    for (const address of peers) test.open({ address, port: 1 });
    expect(test.server.unauthenticatedCount).toBe(64);
  });

  it('do not end sessions', async () => {
    const test = new TestSshServer({
      limits: { server: { maxUnauthenticated: 5, unauthenticatedStart: 5 } },
    });
    const user = await test.logIn();
    const number = await openSftp(user);
    for (let count = 0; count < 100; count++) test.open({ address: `203.0.113.${count}`, port: 1 });
    user.send(messages.data(number, Buffer.from('x')));
    expect((await user.next(Message.channelData)).subarray(9).toString()).toBe('x');
  });
});

describe('a client that does not read', () => {
  it('gets one answer to `none` before the login', async () => {
    const test = new TestSshServer({ limits: { authentication: { maxAuthAttempts: 3 } } });
    const attacker = await test.connect();
    await attacker.requestService();
    const none = new WireWriter()
      .u8(Message.userauthRequest)
      .string('alice')
      .string('ssh-connection')
      .string('none')
      .finish();
    for (let request = 0; request < 5; request++) attacker.send(none);
    expect((await attacker.disconnected()).text).toContain('too many authentication failures (3)');
  });

  it.each([
    ['keep-alives', messages.global('keepalive@openssh.com', true)],
    ['unknown channels', messages.open(7, 0, 2 ** 15, 'nonsense')],
    [
      'pings of 32 KiB',
      new WireWriter()
        .u8(Message.ping)
        .string(Buffer.alloc(32 * KiB))
        .finish(),
    ],
    ['requests that fail', messages.request(0, 'env', true)],
    ['unknown messages', Buffer.from([200])],
  ])('makes the server hold at most 2 MiB of replies to %s', async (_, message) => {
    const test = new TestSshServer();
    const { client, stream, server } = await connectWithStream(test);
    await logIn(client);
    await openSftp(client);
    stream.pause();
    stream.removeAllListeners('data');
    // Replies are at least as long as half of the message with its packet.
    for (let sent = 0; sent < 6 * MiB; sent += message.byteLength + 36) client.send(message);
    for (let count = 0; count < 500; count++) await turn();
    // Up to a slab of 256 KiB has not been handed to the stream.
    expect(server.writableLength).toBeGreaterThan(MiB - 260 * KiB);
    expect(server.writableLength).toBeLessThan(2 * MiB);
    // The server reads no more: the rest waits on the client's side.
    expect(stream.writableLength).toBeGreaterThan(0);
  });

  it('makes the server hold the window of the channel at most, while the application waits', async () => {
    const application = new EchoApplication(100 * KiB);
    const test = new TestSshServer({}, application);
    const { client, stream, server } = await connectWithStream(test);
    await logIn(client);
    const number = await openSftp(client, 0, 50 * KiB);
    stream.pause();
    stream.removeAllListeners('data');
    for (let packet = 0; packet < 64; packet++) client.send(messages.data(number, Buffer.alloc(32 * KiB)));
    for (let count = 0; count < 100; count++) await turn();
    const channel = application.sessions[0]?.channel;
    expect(channel?.bytesReceived).toBeLessThan(200 * KiB);
    client.send(messages.data(number, Buffer.alloc(32 * KiB)));
    await vi.waitFor(() => expect(test.server.sessionCount === 0 || server.writableEnded).toBe(true));
  });
});

describe('key exchanges before the login', () => {
  it('end the connection at the second one', async () => {
    const test = new TestSshServer();
    const attacker = await test.connect();
    await attacker.requestService();
    attacker.rekey().catch(() => undefined);
    expect((await attacker.disconnected()).reason).toBe(DisconnectReason.protocolError);
  });

  it('are allowed after the login', async () => {
    const test = new TestSshServer();
    const client = await test.logIn();
    const number = await openSftp(client);
    for (let exchange = 0; exchange < 3; exchange++) await client.rekey();
    client.send(messages.data(number, Buffer.from('x')));
    expect((await client.next(Message.channelData)).subarray(9).toString()).toBe('x');
  });
});

describe('a client that cannot log in', () => {
  it('leaves one line in the log, with its software and the cause: a SHA-1 signature', async () => {
    const key = makeUserKey('ssh-rsa');
    const authenticator = new TestUsers({ alice: { keys: [{ key }] } });
    const test = new TestSshServer({ authenticator, limits: { transport: { closeTimeoutMs: 10 } } });
    const client = await test.connect();
    await client.requestService();
    const request = new WireWriter()
      .u8(Message.userauthRequest)
      .string('alice')
      .string('ssh-connection')
      .string('publickey')
      .boolean(false)
      .string('ssh-rsa')
      .string(key.blob);
    client.send(request.finish());
    await client.next(Message.userauthFailure);
    client.end();
    await vi.waitFor(() => expect(test.server.unauthenticatedCount).toBe(0));
    const lines = test.lines.filter(({ level }) => level !== 'debug');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.fields).toMatchObject({ software: 'test', user: 'alice', refusals: 1 });
    expect(JSON.stringify(lines[0]?.fields['reasons'])).toContain('SHA-1');
  });
});

describe('passwords guessed on one connection', () => {
  it('end the connection after the maximum of attempts', async () => {
    const test = new TestSshServer({ limits: { authentication: { maxAuthAttempts: 4, minRefusalMs: 0 } } });
    const attacker = await test.connect();
    await attacker.requestService();
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await tryPassword(attacker, 'alice', `guess ${attempt}`)).toBe(Message.userauthFailure);
    }
    await expect(tryPassword(attacker, 'alice', 'guess')).rejects.toThrow();
    expect(await tryPasswordOnNew(test)).toBe(Message.userauthSuccess);
  });
});

async function tryPasswordOnNew(test: TestSshServer): Promise<number> {
  const client = await test.connect();
  await client.requestService();
  return tryPassword(client, 'alice', testPassword);
}
