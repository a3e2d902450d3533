import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fullOffer, kexListsOf } from '../../packages/ssh/algorithms/negotiate.js';
import { client as messages } from '../../packages/ssh/connection/testing/client-messages.js';
import { buildKexInit } from '../../packages/ssh/kex/kexinit.js';
import { SshClient } from '../../packages/ssh/testing/ssh-client.js';
import { makeUserKey } from '../../packages/ssh/testing/user-keys.js';
import { DisconnectReason } from '../../packages/ssh/wire/disconnect-reasons.js';
import { Message } from '../../packages/ssh/wire/message-numbers.js';
import { WireReader } from '../../packages/ssh/wire/reader.js';
import { run } from '../support/command.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { startInjectingProxy } from './injecting-proxy.js';
import {
  authRequest,
  connectPeer,
  logInPeer,
  openFile,
  openSftp,
  openSocket,
  type Peer,
  residentBytes,
  sftp,
} from './ssh-peer.js';
import { startTestGateway, type TestGateway } from './test-gateway.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen', 'ssh-keyscan');

/** The attacks of a peer on the running gateway. Bounds of time are far above what an idle machine needs. */
describe.skipIf(skip !== null)(`attacks on the SSH layer (${skip ?? 'embedded S3'})`, () => {
  let server: TestGateway;

  beforeAll(async () => {
    server = await startTestGateway({ 'sftp.login.timeout': '6s', 'sftp.ban.exempt': '127.0.0.0/8' });
    const big = join(server.gateway.work, 'big');
    writeFileSync(big, '');
    truncateSync(big, 8 * MiB);
    await server.user.sftpOk(`put ${big} /uploads/big`);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /** Another user's request, answered during the attack. */
  async function othersAreServed(): Promise<void> {
    const started = performance.now();
    await server.user.sftpOk('ls /uploads');
    expect(performance.now() - started).toBeLessThan(5_000);
  }

  async function reply(peer: Peer, channel: number, request: Buffer): Promise<Buffer> {
    peer.client.send(messages.data(channel, request));
    return (await peer.client.next(Message.channelData)).subarray(9);
  }

  it.each([0, 1, 1023])(
    'a channel with a maximum packet size of %i bytes is refused',
    async (packetBytes) => {
      const { client, socket } = await logInPeer(server.user);
      client.send(messages.open(0, 2 ** 31, packetBytes), Buffer.alloc(0));
      const failure = await client.next(Message.channelOpenFailure);
      expect(new WireReader(failure, 9).text()).toContain('1024');
      client.send(messages.subsystem(0));
      expect((await client.disconnected()).reason).toBe(DisconnectReason.protocolError);
      await othersAreServed();
      socket.destroy();
    },
  );

  it('answers of 4 MiB in packets of 1 KiB delay no other user and take bounded memory', async () => {
    const peers: Peer[] = [];
    const before = residentBytes(server.gateway);
    for (let attacker = 0; attacker < 8; attacker += 1) {
      const peer = await logInPeer(server.user);
      const channel = await openSftp(peer.client, 0, 2 ** 31, KiB);
      await reply(peer, channel, sftp.init());
      const handle = await openFile(peer.client, channel, '/uploads/big');
      peer.socket.pause();
      for (let id = 2; id < 130; id += 1) {
        peer.client.send(messages.data(channel, sftp.read(id, handle, 0, 255 * KiB)));
      }
      peers.push(peer);
    }
    await othersAreServed();
    expect(residentBytes(server.gateway) - before).toBeLessThan(160 * MiB);
    for (const { socket } of peers) socket.destroy();
  });

  it('a channel that is closed 300 times ends the connection at the second', async () => {
    const { client, socket } = await logInPeer(server.user);
    client.send(messages.open(0));
    await client.next(Message.channelOpenConfirmation);
    for (let close = 0; close < 300; close += 1) client.send(messages.close(0));
    for (let peer = 1; peer < 300; peer += 1) client.send(messages.open(peer), Buffer.alloc(0));
    const { reason, text } = await client.disconnected();
    expect(reason).toBe(DisconnectReason.protocolError);
    expect(text).toContain('channel');
    await othersAreServed();
    socket.destroy();
  });

  it.each([
    ['`none` before the login', false, authRequest('carol', 'none').finish()],
    ['keep-alives', true, messages.global('keepalive@openssh.com', true)],
    ['channels of an unknown type', true, messages.open(7, 0, 2 ** 15, 'nonsense')],
    ['requests for channels that do not exist', true, messages.global('tcpip-forward', true)],
  ] as const)('a peer that does not read, with %s, takes bounded memory', async (_, logsIn, message) => {
    const { client, socket } = logsIn ? await logInPeer(server.user) : await connectPeer(server.gateway);
    if (!logsIn) await client.requestService();
    socket.removeAllListeners('data');
    socket.pause();
    const before = residentBytes(server.gateway);
    for (let sent = 0; sent < 32 * MiB && !socket.destroyed; sent += 256 * KiB) {
      for (let bytes = 0; bytes < 256 * KiB; bytes += message.byteLength + 36) client.send(message);
      // The gateway reads no more: what it left stays on this side.
      if (socket.writableLength > 8 * MiB) break;
      await delay(1);
    }
    await othersAreServed();
    expect(residentBytes(server.gateway) - before).toBeLessThan(24 * MiB);
    socket.destroy();
  });

  it('a second key exchange before the login ends the connection', async () => {
    const { client, socket } = await connectPeer(server.gateway);
    await client.requestService();
    client.rekey().catch(() => undefined);
    expect((await client.disconnected()).reason).toBe(DisconnectReason.protocolError);
    socket.destroy();
  });

  it.each(['server', 'client'] as const)(
    'a packet that is inserted into the handshake on the way to the %s ends the connection (Terrapin)',
    async (into) => {
      await using proxy = await startInjectingProxy(server.gateway.sftpPort, into);
      const args = [...server.user.sshOptions, '-P', String(proxy.port), '-b', '-', 'carol@127.0.0.1'];
      const offered = ['chacha20-poly1305@openssh.com', 'aes128-ctr'];
      for (const cipher of offered) {
        const { code, stderr } = await run('sftp', ['-o', `Ciphers=${cipher}`, ...args], { input: 'ls\n' });
        expect(code, stderr).toBe(255);
      }
      if (into === 'server') await logLine('OpenSSH_', 'message 2 is not allowed now');
    },
  );

  it('a client without a common algorithm is told so, and the log has its software and its lists', async () => {
    const socket = await openSocket(server.gateway);
    const lists = kexListsOf({ ...fullOffer(['ssh-ed25519']), cipher: ['aes128-cbc', '3des-cbc'] }, []);
    const client = new SshClient({ stream: socket, ident: 'OldClient_1.2', waitsForKexInit: true });
    client.send(buildKexInit(lists));
    const { reason, text } = await client.disconnected();
    expect(reason).toBe(DisconnectReason.keyExchangeFailed);
    expect(text).toContain('aes128-cbc');
    const line = await logLine('OldClient_1.2', 'no common algorithm');
    expect(line).toMatchObject({ level: 'info' });
    expect(line['cause']).toContain(
      'client offers aes128-cbc,3des-cbc; server offers aes128-gcm@openssh.com',
    );
    socket.destroy();
  });

  it('a SHA-1 signature is refused, and the log has the cause', async () => {
    const { client, socket } = await connectPeer(server.gateway, { ident: 'Sha1Client_1' });
    await client.requestService();
    const request = authRequest('carol', 'publickey').boolean(false).string('ssh-rsa');
    client.send(request.string(makeUserKey('ssh-rsa').blob).finish());
    await client.next(Message.userauthFailure);
    socket.end();
    expect(JSON.stringify(await logLine('Sha1Client_1', 'SHA-1'))).toContain('carol');
  });

  it('an agent with 10 foreign keys gets a reason, and the log counts its queries', async () => {
    const { client, socket } = await connectPeer(server.gateway, { ident: 'Agent_10' });
    await client.requestService();
    for (let key = 0; key < 10; key += 1) {
      const { blob } = makeUserKey('ssh-ed25519');
      const query = authRequest('carol', 'publickey').boolean(false).string('ssh-ed25519');
      client.send(query.string(blob).finish());
      if (key < 9) await client.next(Message.userauthFailure);
    }
    expect((await client.disconnected()).text).toContain('too many authentication failures');
    socket.destroy();
    expect(await logLine('Agent_10', 'publickey')).toMatchObject({ user: 'carol', refusals: 10 });
  });

  it('an identification that arrives byte by byte ends with the time for a login', async () => {
    const socket = await openSocket(server.gateway);
    const started = performance.now();
    const closed = once(socket.resume(), 'close');
    const drip = setInterval(() => socket.write('S'), 100);
    await othersAreServed();
    await closed;
    clearInterval(drip);
    expect(performance.now() - started).toBeLessThan(12_000);
  });

  it('an identification of more than 255 bytes is refused at once', async () => {
    const socket = await openSocket(server.gateway);
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    socket.write(`SSH-2.0-${'x'.repeat(400)}`);
    await once(socket, 'close');
    expect(Buffer.concat(received).toString()).toContain('Invalid SSH identification');
  });

  it('1,000 handshakes that stop half-way leave nothing behind', async () => {
    const handshake = await recordedHandshake();
    const partial = async (count: number) => {
      for (let round = 0; round < count / 20; round += 1) {
        const sockets = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            openSocket(server.gateway, `127.0.${1 + (round % 100)}.${1 + index}`),
          ),
        );
        for (const [index, socket] of sockets.entries()) {
          const bytes = handshake.subarray(0, Math.floor((handshake.byteLength * (index + 1)) / 20));
          socket.resume().end(bytes);
        }
        await Promise.all(sockets.map((socket) => once(socket, 'close')));
      }
    };
    await partial(400);
    const before = residentBytes(server.gateway);
    await partial(600);
    await othersAreServed();
    expect(residentBytes(server.gateway) - before).toBeLessThan(16 * MiB);
  });

  /** Returns all bytes that a client sends until its NEWKEYS. Its keys do not fit another connection. */
  async function recordedHandshake(): Promise<Buffer> {
    const socket = await openSocket(server.gateway);
    const sent: Buffer[] = [];
    const write = socket.write.bind(socket);
    socket.write = ((bytes: Buffer, ...others: []) => {
      sent.push(Buffer.from(bytes));
      return write(bytes, ...others);
    }) as typeof socket.write;
    await SshClient.connect({ stream: socket });
    socket.destroy();
    return Buffer.concat([...sent, randomBytes(64)]);
  }

  async function logLine(...parts: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const line = await eventually(`a log line with ${parts.join(' and ')}`, () => {
      const lines = server.gateway.output.split('\n');
      return (
        lines.find(
          (text) => parts.every((part) => text.includes(part)) && !text.includes('"level":"debug"'),
        ) ?? null
      );
    });
    return JSON.parse(line) as Record<string, unknown>;
  }
});

describe.skipIf(skip !== null)('a gateway after attacks', () => {
  it('ends when it is asked to', async () => {
    const server = await startTestGateway();
    const { client } = await logInPeer(server.user);
    client.send(messages.open(0, 2 ** 31, 0));
    client.send(messages.subsystem(0));
    const silent = await openSocket(server.gateway);
    expect(await server.gateway.end('SIGTERM')).toBe(0);
    silent.destroy();
    await server[Symbol.asyncDispose]();
  });
});
