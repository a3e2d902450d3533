import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client as messages } from '../../packages/ssh/connection/testing/client-messages.js';
import { parseHostKey } from '../../packages/ssh/host-keys/host-key.js';
import type { SshClient } from '../../packages/ssh/testing/ssh-client.js';
import { Message } from '../../packages/ssh/wire/message-numbers.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { programs } from './client-programs.js';
import { logInPeer, openFile, openSftp, type Peer, residentBytes, responses, sftp } from './ssh-peer.js';
import { startTestGateway, type TestGateway } from './test-gateway.js';

const KiB = 1024;
const skip = embeddedSkip ?? missing('ssh-keygen', 'ssh-keyscan');

describe.skipIf(skip !== null)(`many sessions (${skip ?? 'embedded S3'})`, () => {
  let server: TestGateway;
  const peers: Peer[] = [];

  beforeAll(async () => {
    const properties = {
      'sftp.sessions.max': '3000',
      'sftp.sessions.per.user': '3000',
      'sftp.sessions.per.address': '3000',
      'sftp.keepalive': '3600s',
    };
    const collects = `--expose-gc --import=${join(programs, 'collect-garbage.mjs')}`;
    server = await startTestGateway(properties, 'warn', { NODE_OPTIONS: collects });
  });
  afterAll(async () => {
    for (const { socket } of peers) socket.destroy();
    await server?.[Symbol.asyncDispose]();
  });

  /** Opens sessions with an SFTP channel that has answered. */
  async function openSessions(count: number): Promise<void> {
    const key = parseHostKey(readFileSync(server.user.identity, 'utf8'));
    for (let opened = 0; opened < count; opened += 1) {
      const peer = await logInPeer(server.user, {}, '127.0.0.1', key);
      const channel = await openSftp(peer.client, 0, 2 ** 31);
      for (const request of [sftp.init(), sftp.realPath(1, '.')]) {
        peer.client.send(messages.data(channel, request));
        await peer.client.next(Message.channelData);
      }
      peers.push(peer);
    }
  }

  async function memoryInUse(): Promise<number> {
    const { gateway } = server;
    const collections = () => gateway.output.split('garbage collected').length;
    const before = collections();
    process.kill(gateway.pid, 'SIGUSR2');
    await eventually('the garbage is collected', () => collections() > before);
    return residentBytes(gateway);
  }

  it.each(['download', 'upload'] as const)(
    'of 100 equal transfers beside 400 idle sessions, the slowest %s takes at most 2 times as long as the fastest',
    // On a machine with other work, one run can miss the bound.
    { retry: 2 },
    async (direction) => {
      await openSessions(Math.max(0, 500 - peers.length));
      const writer = peers[0];
      if (writer === undefined) throw new Error('no session');
      await upload(writer, `/uploads/${direction}-source`);
      const active = peers.slice(-100);
      const handles = await Promise.all(
        active.map(({ client }, index) =>
          direction === 'download'
            ? openFile(client, 0, `/uploads/${direction}-source`)
            : openFile(client, 0, `/uploads/equal-${index}`, create),
        ),
      );
      const started = performance.now();
      const times = await Promise.all(
        active.map(async ({ client }, index) => {
          const handle = handles[index] ?? Buffer.alloc(0);
          if (direction === 'download') await readAll(client, handle);
          else await writeAll(client, handle);
          return performance.now() - started;
        }),
      );
      const [fastest, slowest] = [Math.min(...times), Math.max(...times)];
      const ratio = slowest / fastest;
      console.log(
        `${direction}: ${fastest.toFixed(0)} to ${slowest.toFixed(0)} ms, ratio ${ratio.toFixed(2)}`,
      );
      expect(ratio).toBeLessThan(2);
    },
  );

  it('an idle session with its SFTP channel takes at most 64 KiB', async () => {
    await openSessions(Math.max(0, 200 - peers.length));
    // Garbage and the heap that V8 keeps in reserve do not count: both depend on the time of the last collection.
    const before = await memoryInUse();
    const sessions = 800;
    await openSessions(sessions);
    const perSession = ((await memoryInUse()) - before) / sessions;
    console.log(`memory of an idle session: ${(perSession / KiB).toFixed(1)} KiB`);
    expect(perSession).toBeLessThan(64 * KiB);
  });
});

/** A WRITE of these bytes fits in one packet of channel data. */
const pieceBytes = 30 * KiB;
/** 1.4 MiB: less than the first window of a channel. */
const pieces = 48;
/** SSH_FXF_WRITE, SSH_FXF_CREAT and SSH_FXF_TRUNC. */
const create = 2 + 8 + 16;

async function readAll(client: SshClient, handle: Buffer): Promise<void> {
  for (let piece = 0; piece < pieces; piece += 1) {
    client.send(messages.data(0, sftp.read(piece, handle, piece * pieceBytes, pieceBytes)));
  }
  const found = await responses(client, pieces);
  expect(found.every((response) => response[0] === 103 && response.byteLength === pieceBytes + 9)).toBe(true);
}

/** Writes a file and closes it. */
async function writeAll(client: SshClient, handle: Buffer): Promise<void> {
  for (let piece = 0; piece < pieces; piece += 1) {
    client.send(
      messages.data(0, sftp.write(piece, handle, piece * pieceBytes, Buffer.alloc(pieceBytes, piece))),
    );
  }
  client.send(messages.data(0, sftp.closeFile(pieces, handle)));
  const found = await responses(client, pieces + 1);
  expect(found.every((response) => response[0] === 101 && response.readUInt32BE(5) === 0)).toBe(true);
}

async function upload({ client }: Peer, path: string): Promise<void> {
  await writeAll(client, await openFile(client, 0, path, create));
}
