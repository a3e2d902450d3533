import { afterEach, describe, expect, it, vi } from 'vitest';
import { CidrList } from '../addresses/cidr-list.js';
import { client as messages } from '../connection/testing/client-messages.js';
import { ManualClock } from '../testing/manual-clock.js';
import { SshClient } from '../testing/ssh-client.js';
import { silentLog } from '../transport/events.js';
import { Message } from '../wire/message-numbers.js';
import { BoundedLines } from './bounded-lines.js';
import type { FailedConnection } from './server-options.js';
import { SshServer } from './ssh-server.js';
import { EchoApplication } from './testing/echo-application.js';
import {
  connectSocket,
  type LogLine,
  logIn,
  openSftp,
  recordingLog,
  TestSshServer,
  testOptions,
  testPassword,
  tryPassword,
} from './testing/test-ssh-server.js';

const servers: SshServer[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const server of servers.splice(0)) await server.drain(0);
});

async function listen(options: Parameters<typeof testOptions>[2] = {}) {
  const application = new EchoApplication();
  const server = await SshServer.listen(testOptions(application, silentLog, options), 0, '127.0.0.1');
  servers.push(server);
  return { server, application };
}

/** Collects what a stream receives until it ends. */
async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += bytes.toString('latin1');
  return text;
}

describe('the server', () => {
  it('passes login, address, software and algorithms to the application', async () => {
    const test = new TestSshServer();
    const client = await test.logIn({ address: '198.51.100.3', port: 4000 });
    await openSftp(client);
    const connection = test.application.sessions[0]?.connection;
    expect(connection).toMatchObject({
      address: '198.51.100.3',
      port: 4000,
      clientSoftware: 'test',
      channelCount: 1,
    });
    expect(connection?.login).toMatchObject({ username: 'alice', methods: ['password'] });
    expect(connection?.algorithms?.kex.name).toBe('mlkem768x25519-sha256');
  });

  it('announces its host keys after the login', async () => {
    const test = new TestSshServer();
    const client = await test.logIn();
    const announcement = await client.next(Message.globalRequest);
    expect(announcement.toString('latin1')).toContain('hostkeys-00@openssh.com');
  });

  it('proves its host keys over the session', async () => {
    const test = new TestSshServer();
    const client = await test.logIn();
    const blob = test.options.hostKeys[0]?.publicBlob ?? Buffer.alloc(0);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(blob.byteLength);
    client.send(messages.global('hostkeys-prove-00@openssh.com', true, Buffer.concat([length, blob])));
    expect((await client.next(Message.requestSuccess)).byteLength).toBeGreaterThan(64);
  });

  it('counts sessions, and forgets them when they close', async () => {
    const { server } = await listen();
    const client = await SshClient.connect({ stream: await connectSocket(server) });
    expect([server.unauthenticatedCount, server.sessionCount]).toEqual([1, 0]);
    await logIn(client);
    await openSftp(client);
    expect([server.unauthenticatedCount, server.sessionCount]).toEqual([0, 1]);
    expect(server.windowBytes).toBe(2 ** 21);
    client.destroy();
    await vi.waitFor(() => expect([server.sessionCount, server.windowBytes]).toEqual([0, 0]));
  });

  it('ends the connection of a user who has the maximum of sessions, with the cause', async () => {
    const test = new TestSshServer({ limits: { server: { maxSessionsPerUser: 1 } } });
    await test.logIn();
    const second = await test.connect();
    await logIn(second);
    expect((await second.disconnected()).text).toBe(
      'too many sessions of this user: close some and try again',
    );
    const other = await test.logIn(undefined, 'bob');
    expect(await openSftp(other)).toBe(0);
  });

  it('refuses an address before the handshake, with the text of the application', async () => {
    const test = new TestSshServer({
      admit: (address) => (address === '192.0.2.66' ? 'banned until noon' : null),
    });
    expect(await textOf(test.open({ address: '192.0.2.66', port: 1 }))).toBe('banned until noon\r\n');
    expect(test.lines).toMatchObject([{ level: 'warn', fields: { address: '192.0.2.66' } }]);
    await test.logIn();
  });

  it('logs refusals of connections as counts', () => {
    const test = new TestSshServer({ admit: () => 'banned' });
    vi.useFakeTimers();
    for (let count = 0; count < 5000; count++) test.open();
    vi.advanceTimersByTime(60_000);
    expect(test.lines.map(({ fields }) => fields['more'])).toEqual([undefined, 4999]);
  });

  it('ends the connections of one user', async () => {
    const test = new TestSshServer();
    const [alice, bob] = [await test.logIn(), await test.logIn(undefined, 'bob')];
    test.server.disconnectUser('alice', 'the account was removed');
    expect((await alice.disconnected()).text).toBe('the account was removed');
    expect(bob.isClosed).toBe(false);
  });

  it('logs one line for a connection without a login, with the counts of its attempts', async () => {
    const test = new TestSshServer();
    const client = await test.connect();
    await client.requestService();
    for (let attempt = 0; attempt < 3; attempt++) await tryPassword(client, 'alice', 'wrong');
    client.destroy();
    await vi.waitFor(() => expect(test.lines.some(({ level }) => level === 'info')).toBe(true));
    const lines = test.lines.filter(({ level }) => level !== 'debug');
    expect(lines).toMatchObject([
      {
        message: 'SSH connection closed without a login',
        fields: { address: '192.0.2.1', user: 'alice', refusals: 3, methods: { password: 3 } },
      },
    ]);
  });

  it('logs 30 lines a minute for connections without a login, and counts the others', () => {
    const lines: LogLine[] = [];
    const clock = new ManualClock();
    const bounded = new BoundedLines(recordingLog(lines), clock, 'connection failed');
    for (let count = 0; count < 100; count++) bounded.add({ count });
    expect(lines).toHaveLength(30);
    clock.advance(60_000);
    expect(lines.at(-1)).toMatchObject({ fields: { more: 70, seconds: 60 } });
    bounded.add({ count: 0 });
    expect(lines).toHaveLength(32);
  });

  it('reports connections without a login to the application', async () => {
    const failed: FailedConnection[] = [];
    const test = new TestSshServer({ onFailedConnection: (connection) => failed.push(connection) });
    const guesser = await test.connect();
    await guesser.requestService();
    for (let attempt = 0; attempt < 2; attempt++) await tryPassword(guesser, 'alice', 'wrong');
    guesser.destroy();
    const silent = test.open();
    silent.end();
    silent.resume();
    const user = await test.logIn();
    user.destroy();
    await vi.waitFor(() => expect(failed).toHaveLength(2));
    expect(failed).toContainEqual({
      address: '192.0.2.1',
      username: 'alice',
      refusals: { password: 2 },
      reasons: expect.any(Object),
      isIdentified: true,
      cause: 'other',
    });
    expect(failed).toContainEqual(
      expect.objectContaining({ username: null, refusals: {}, isIdentified: false }),
    );
  });

  it('does not log a line above debug for a scan of the port', async () => {
    const test = new TestSshServer({ limits: { transport: { closeTimeoutMs: 10 } } });
    test.open().end('GET / HTTP/1.0\r\n\r\n');
    test.open().end();
    await vi.waitFor(() => expect(test.server.unauthenticatedCount).toBe(0));
    expect(test.lines.filter(({ message }) => message.startsWith('SSH connection closed without'))).toEqual(
      [],
    );
  });
});

describe('timeouts', () => {
  it('end a connection that sends nothing within 10 seconds', async () => {
    const { server } = await listen({ limits: { transport: { firstByteTimeoutMs: 20 } } });
    const socket = await connectSocket(server);
    expect(await textOf(socket)).toContain('SSH-2.0-sftpgw_test');
    await vi.waitFor(() => expect(server.unauthenticatedCount).toBe(0));
  });

  it('end a connection without a login', async () => {
    const { server } = await listen({ limits: { transport: { loginTimeoutMs: 50 } } });
    const client = await SshClient.connect({ stream: await connectSocket(server) });
    expect((await client.disconnected()).text).toBe('login took too long');
  });

  it('end an idle session, and not one that is used', async () => {
    const test = new TestSshServer({ limits: { server: { idleTimeoutMs: 200 } } });
    const used = await test.logIn();
    const number = await openSftp(used);
    const traffic = setInterval(() => used.send(messages.data(number, Buffer.from('x'))), 10);
    const idle = await test.logIn();
    expect((await idle.disconnected()).text).toBe('session is idle for 0 seconds');
    expect(used.isClosed).toBe(false);
    clearInterval(traffic);
  });

  it('do not end a session without traffic while the application uses its channel', async () => {
    let isBusy = true;
    const clock = new ManualClock();
    const test = new TestSshServer({
      clock,
      limits: { server: { idleTimeoutMs: 1_000 } },
      onSession: (_connection, channel) => {
        const none = () => undefined;
        channel.start({ data: none, ended: none, drained: none, closed: none, isBusy: () => isBusy });
      },
    });
    const client = await test.logIn();
    await openSftp(client);
    clock.advance(10_000);
    expect(test.server.sessionCount).toBe(1);
    isBusy = false;
    clock.advance(2_000);
    expect((await client.disconnected()).text).toBe('session is idle for 1 seconds');
  });

  it('end a session at its maximum age', async () => {
    const test = new TestSshServer({ limits: { server: { maxSessionMs: 30 } } });
    const client = await test.logIn();
    expect((await client.disconnected()).text).toBe('session is older than 0 seconds');
  });
});

describe('drain', () => {
  it('ends connections without a channel at once, and the others when their channel closes', async () => {
    const { server } = await listen();
    const unauthenticated = await SshClient.connect({ stream: await connectSocket(server) });
    const busy = await SshClient.connect({ stream: await connectSocket(server) });
    await logIn(busy);
    const number = await openSftp(busy);
    const { port } = server.address;
    const drained = server.drain(60_000);
    expect((await unauthenticated.disconnected()).text).toContain('shutting down');
    expect(busy.isClosed).toBe(false);
    busy.send(messages.data(number, Buffer.from('still served')));
    expect((await busy.next(Message.channelData)).subarray(9).toString()).toBe('still served');
    busy.send(messages.close(number));
    expect((await busy.disconnected()).text).toContain('shutting down');
    await drained;
    await expect(connectSocket({ address: { port } })).rejects.toThrow('ECONNREFUSED');
  });

  it('ends all connections after the time', async () => {
    const { server } = await listen();
    const client = await SshClient.connect({ stream: await connectSocket(server) });
    await logIn(client);
    await openSftp(client);
    await server.drain(30);
    expect(server.sessionCount).toBe(0);
  });

  it('ends a client that does not close its side', async () => {
    const { server } = await listen({ limits: { transport: { closeTimeoutMs: 50 } } });
    const socket = await connectSocket(server);
    socket.pause();
    await vi.waitFor(() => expect(server.unauthenticatedCount).toBe(1));
    await server.disconnectAll();
    expect(server.unauthenticatedCount).toBe(0);
  });
});

describe('the PROXY protocol', () => {
  const proxyFrom = CidrList.parse('127.0.0.0/8') ?? undefined;
  const options = proxyFrom === undefined ? {} : { proxyFrom };

  it('gives the address of the client', async () => {
    const { server, application } = await listen(options);
    const stream = await connectSocket(server);
    stream.write('PROXY TCP4 203.0.113.9 192.0.2.1 5555 22\r\n');
    const client = await SshClient.connect({ stream });
    await logIn(client);
    await openSftp(client);
    expect(application.sessions[0]?.connection).toMatchObject({ address: '203.0.113.9', port: 5555 });
  });

  it('is required from a proxy', async () => {
    const { server } = await listen(options);
    const socket = await connectSocket(server);
    socket.write('SSH-2.0-test\r\n');
    expect(await textOf(socket)).toBe('');
  });

  it('is refused from other clients', async () => {
    const { server } = await listen();
    const socket = await connectSocket(server);
    socket.write('PROXY TCP4 203.0.113.9 192.0.2.1 5555 22\r\n');
    expect(await textOf(socket)).toContain('Invalid SSH identification');
  });

  it('counts connections by the address of the client', async () => {
    const { server } = await listen({ ...options, limits: { server: { maxUnauthenticatedPerSource: 1 } } });
    const answers: Promise<string>[] = [];
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.1']) {
      const socket = await connectSocket(server);
      socket.write(`PROXY TCP4 ${address} 192.0.2.1 5555 22\r\n`);
      await vi.waitFor(() => expect(server.unauthenticatedCount).toBe(Math.min(2, answers.length + 1)));
      answers.push(textOf(socket));
    }
    expect(await answers[2]).toBe('too many connections from this source: try again later\r\n');
  });
});

it('accepts the right password only', async () => {
  const test = new TestSshServer();
  const client = await test.connect();
  await client.requestService();
  expect(await tryPassword(client, 'alice', 'wrong')).toBe(Message.userauthFailure);
  expect(await tryPassword(client, 'alice', testPassword)).toBe(Message.userauthSuccess);
});
