import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kexAlgorithms } from '../../packages/ssh/algorithms/kex-methods.js';
import { fullOffer, kexListsOf } from '../../packages/ssh/algorithms/negotiate.js';
import { client as messages } from '../../packages/ssh/connection/testing/client-messages.js';
import { type HostKey, parseHostKey } from '../../packages/ssh/host-keys/host-key.js';
import { buildKexInit } from '../../packages/ssh/kex/kexinit.js';
import { startClientKex } from '../../packages/ssh/testing/client-kex.js';
import { SshClient } from '../../packages/ssh/testing/ssh-client.js';
import { Message } from '../../packages/ssh/wire/message-numbers.js';
import { WireWriter } from '../../packages/ssh/wire/writer.js';
import { SeededRandom } from '../support/random.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { mutate } from './mutation.js';
import {
  authRequest,
  connectPeer,
  logInPeer,
  openSftp,
  openSocket,
  residentBytes,
  sftp,
} from './ssh-peer.js';
import { startTestGateway, type TestGateway } from './test-gateway.js';

const MiB = 1024 * 1024;
const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen', 'ssh-keyscan');
/** `SFTPGW_DRILL=full` sends a million in all, `SFTPGW_TEST_SEED` repeats a run. */
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const packets = Number(process.env['SFTPGW_TEST_PACKETS'] ?? (isFull ? 1_000_000 : 8_000));
const timeoutMs = isFull ? 3_600_000 : 300_000;
const random = SeededRandom.fromEnvironment();
/** Connections at the same time. */
const parallel = 8;
/** The memory is measured after each part. */
const parts = 10;
const maxGrowthBytes = 24 * MiB;
const maxBytes = 400 * MiB;

const strings = (type: number, ...values: readonly string[]) => {
  const writer = new WireWriter(256).u8(type);
  for (const value of values) writer.string(value);
  return writer.finish();
};

const handshake: readonly Buffer[] = [
  buildKexInit(kexListsOf(fullOffer(['ssh-ed25519', 'ssh-rsa']), ['kex-strict-c-v00@openssh.com'])),
  ...kexAlgorithms.map((algorithm) => startClientKex(algorithm).opening),
  Buffer.of(Message.newKeys),
];

const general: readonly Buffer[] = [
  new WireWriter().u8(Message.disconnect).u32(2).string('text').string('').finish(),
  new WireWriter().u8(Message.debug).boolean(true).string('text').string('').finish(),
  new WireWriter().u8(Message.extInfo).u32(1).string('server-sig-algs').string('value').finish(),
  strings(Message.ignore, 'data'),
  strings(Message.ping, 'data'),
  strings(Message.serviceRequest, 'ssh-userauth'),
  Buffer.of(Message.unimplemented, 0, 0, 0, 1),
];

const login: readonly Buffer[] = [
  authRequest('carol', 'none').finish(),
  authRequest('carol', 'publickey').boolean(false).string('ssh-ed25519').string(Buffer.alloc(51, 7)).finish(),
  authRequest('carol', 'keyboard-interactive').string('').string('').finish(),
  new WireWriter().u8(Message.userauthInfoResponse).u32(1).string('answer').finish(),
];

/** Messages of a logged-in client with one SFTP channel, number 0 on both sides. */
const session: readonly Buffer[] = [
  messages.open(1),
  messages.request(0, 'env', true, new WireWriter().string('A').string('b').finish()),
  messages.request(0, 'pty-req', true, Buffer.alloc(30)),
  messages.subsystem(1),
  messages.exec(1, 'scp -t /uploads'),
  messages.data(0, sftp.realPath(1, '/uploads')),
  messages.data(0, sftp.openFile(2, '/uploads/none', 1)),
  messages.data(0, sftp.read(3, Buffer.from('handle'), 0, 32_768)),
  messages.extendedData(0, Buffer.from('text')),
  messages.windowAdjust(0, 65_536),
  messages.eof(1),
  messages.close(1),
  messages.global('keepalive@openssh.com', true),
  messages.global('hostkeys-prove-00@openssh.com', true, Buffer.alloc(40)),
  messages.global('tcpip-forward', true, new WireWriter().string('').u32(0).finish()),
  messages.requestFailure(),
];

describe.skipIf(skip !== null)(`mutated packets (${skip ?? `embedded S3, seed ${random.seed}`})`, () => {
  let server: TestGateway;
  let key: HostKey;
  let source = 0;

  beforeAll(async () => {
    server = await startTestGateway(
      { 'sftp.ban.exempt': '127.0.0.0/8', 'sftp.sessions.per.user': '1000' },
      'warn',
    );
    key = parseHostKey(readFileSync(server.user.identity, 'utf8'));
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /** Another address for each connection, so that none has too many. */
  function nextAddress(): string {
    source = (source + 1) % 60_000;
    return `127.1.${source >> 8}.${source & 255 || 1}`;
  }

  /** Sends mutated packets on many connections, and checks that the gateway serves others and its memory stays. */
  async function flood(count: number, connection: () => Promise<number>): Promise<void> {
    let sent = 0;
    let connections = 0;
    const memory: number[] = [];
    const work = async (end: number) => {
      while (sent < end) {
        const more = await connection();
        sent += more;
        connections += 1;
      }
    };
    for (let part = 1; part <= parts; part += 1) {
      await Promise.all(Array.from({ length: parallel }, () => work((count * part) / parts)));
      await server.user.sftpOk('ls /');
      memory.push(residentBytes(server.gateway));
    }
    const series = memory.map((bytes) => (bytes / MiB).toFixed(0)).join(', ');
    console.log(`${sent} packets on ${connections} connections, memory in MiB after each part: ${series}`);
    expect(Math.max(...memory)).toBeLessThan(maxBytes);
    // The garbage of some 15,000 connections lets the heap grow to its working size. From then on, the memory stays.
    const growth = Math.max(...memory.slice(parts / 2)) - Math.max(...memory.slice(0, parts / 2));
    if (isFull) expect(growth).toBeLessThan(maxGrowthBytes);
    expect(server.gateway.output).not.toContain('SSH connection failed');
    expect(server.gateway.output).not.toContain('"level":"error"');
  }

  /** Resolves when the gateway has read what was sent, or closed the connection. */
  async function settle(client: SshClient): Promise<void> {
    client.send(messages.global('settle', true));
    await client
      .next(Message.requestFailure, Message.requestSuccess, Message.unimplemented, Message.disconnect)
      .catch(() => undefined);
  }

  it(
    'in clear, before the first key exchange',
    async () => {
      await flood(packets / 4, async () => {
        const socket = await openSocket(server.gateway, nextAddress());
        const client = new SshClient({ stream: socket, waitsForKexInit: true });
        client.exchanged().catch(() => undefined);
        const count = random.between(1, 3);
        for (let packet = 0; packet < count; packet += 1) {
          client.send(mutate(random, random.pick(random.next() < 0.7 ? handshake : general)));
        }
        socket.end();
        while (!socket.closed) await turn();
        return count;
      });
    },
    timeoutMs,
  );

  it(
    'after the key exchange, before the login',
    async () => {
      await flood(packets / 4, async () => {
        const { client, socket } = await connectPeer(
          server.gateway,
          { offer: { kex: ['curve25519-sha256'] } },
          nextAddress(),
        );
        if (random.next() < 0.8) await client.requestService();
        const count = 8;
        for (let packet = 0; packet < count; packet += 1) {
          client.send(mutate(random, random.pick(random.next() < 0.7 ? login : [...general, ...handshake])));
        }
        await settle(client);
        socket.destroy();
        return count;
      });
    },
    timeoutMs,
  );

  it(
    'after the login, on a connection with an SFTP channel',
    async () => {
      await flood(packets / 2, async () => {
        const { client, socket } = await logInPeer(
          server.user,
          { offer: { kex: ['curve25519-sha256'] } },
          nextAddress(),
          key,
        );
        const channel = await openSftp(client);
        client.send(messages.data(channel, sftp.init()));
        const count = 40;
        for (let packet = 0; packet < count && !client.isClosed; packet += 1) {
          client.send(
            mutate(random, random.pick(random.next() < 0.9 ? session : [...general, ...login, ...handshake])),
          );
        }
        await settle(client);
        socket.destroy();
        return count;
      });
    },
    timeoutMs,
  );
});
