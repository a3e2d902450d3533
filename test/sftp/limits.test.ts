import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { TestSftpServer } from './test-sftp-server.js';

const skip = missing('sftp', 'ssh-keygen', 'ssh-keyscan');

/** Returns all bytes that the server sends until it closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return received;
}

describe.skipIf(skip !== null)('the limits of the SFTP server', () => {
  it('refuse a connection above the limit of an address before the handshake, with a text', async () => {
    await using testServer = await TestSftpServer.open({ maxUnauthenticatedPerAddress: 2 });
    const held = [connect(testServer.port, '127.0.0.1'), connect(testServer.port, '127.0.0.1')];
    await Promise.all(held.map((socket) => once(socket, 'data')));
    const received = await untilClosed(connect(testServer.port, '127.0.0.1'));
    expect(received).toBe('too many connections from this source: try again later\r\n');
    held[0]?.destroy();
    await eventually('a session is free again', async () => (await testServer.sftp('pwd')).code === 0);
    held[1]?.destroy();
  });

  it.each([
    ['of a user', { maxSessionsPerUser: 0 }, 'too many sessions of this user: close some and try again'],
    [
      'from an address',
      { maxSessionsPerAddress: 0 },
      'too many sessions from this address: close some and try again',
    ],
    ['in all', { maxSessions: 0 }, 'too many sessions: close some and try again'],
  ])('refuse a session too many %s, in words', async (_, limits, text) => {
    await using testServer = await TestSftpServer.open(limits);
    const { code, stderr } = await testServer.sftp('pwd');
    expect(code).toBe(255);
    expect(stderr).toContain(text);
  });

  it('do not count connections without a login as sessions', async () => {
    await using testServer = await TestSftpServer.open({ maxSessions: 1, maxSessionsPerAddress: 1 });
    const silent = Array.from({ length: 20 }, () => connect(testServer.port, '127.0.0.1'));
    await Promise.all(silent.map((socket) => once(socket, 'data')));
    expect((await testServer.sftp('pwd')).code).toBe(0);
    for (const socket of silent) socket.destroy();
  });

  it('close a connection that does not log in', async () => {
    await using testServer = await TestSftpServer.open({ loginTimeoutMs: 200 });
    const silent = connect(testServer.port, '127.0.0.1');
    const talking = connect(testServer.port, '127.0.0.1');
    talking.write('SSH-2.0-slow\r\n');
    expect(await untilClosed(silent)).toMatch(/^SSH-2\.0-sftpgw\r\n/);
    expect(await untilClosed(talking)).toMatch(/^SSH-2\.0-sftpgw\r\n/);
  });

  it('close a connection that guesses passwords', async () => {
    await using testServer = await TestSftpServer.open({ maxLoginAttempts: 2 });
    for (let guess = 0; guess < 3; guess++) await testServer.makeKey(`guess-${guess}`, 'ed25519', false);
    const guesses = [0, 1, 2].map((guess) => `IdentityFile=${join(testServer.directory, `guess-${guess}`)}`);
    const { stderr } = await testServer.sftp(
      'pwd',
      testServer.options('guess-0', ...guesses.slice(1), 'BatchMode=yes'),
    );
    expect(stderr).not.toBe('');
    const refused = testServer.lines.filter(
      ({ message }) => message === 'SSH connection closed without a login',
    );
    expect(refused.map(({ fields }) => fields['refusals'])).toEqual([2]);
    expect(refused[0]?.fields['methods']).toBe('publickey: 2');
  });

  it('survive clients that do not speak SSH', async () => {
    await using testServer = await TestSftpServer.open();
    for (const received of [
      'GET / HTTP/1.1\r\n\r\n',
      'SSH-2.0-x\r\n\0\0\0\x0c\nxxxxxxxxxxxxxxxx',
      Buffer.alloc(100_000, 0xff),
    ]) {
      const socket = connect(testServer.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(received);
      await untilClosed(socket);
    }
    expect((await testServer.sftp('pwd')).code).toBe(0);
  });

  it('renew the keys after a number of bytes', async () => {
    await using testServer = await TestSftpServer.open({ rekeyAfterBytes: 1_000_000 });
    const sent = randomBytes(30_000_000);
    await writeFile(join(testServer.directory, 'big'), sent);
    const { code, stderr } = await testServer.sftp('put big /big\nget /big back');
    expect([code, stderr]).toEqual([0, '']);
    expect((await readFile(join(testServer.directory, 'back'))).equals(sent)).toBe(true);
    expect(testServer.lines.filter(({ message }) => message === 'SSH keys renewed').length).toBeGreaterThan(
      3,
    );
  });
});

describe.skipIf(skip !== null)('draining the SFTP server', () => {
  it('lets an upload finish, refuses new connections, then ends the others', async () => {
    await using testServer = await TestSftpServer.open();
    const size = 30_000_000;
    await writeFile(join(testServer.directory, 'big'), Buffer.alloc(size, 'x'));
    const options = testServer.options();
    const uploading = testServer.sftp('put big /big', ['-l', '60000', ...options]);
    await eventually('the upload runs', () => testServer.memory.openHandles === 1);
    const drained = testServer.server.drain(20_000);
    const refused = await testServer.sftp('pwd');
    expect(refused.stderr).toContain('Connection refused');
    await drained;
    expect(testServer.memory.content('/big')?.byteLength).toBe(size);
    expect((await uploading).code).toBe(0);
    expect(testServer.memory.isDisposed).toBe(true);
  });

  it('ends uploads that do not finish in time', async () => {
    await using testServer = await TestSftpServer.open();
    await writeFile(join(testServer.directory, 'big'), Buffer.alloc(30_000_000, 'x'));
    const uploading = testServer.sftp('put big /big', ['-l', '1000', ...testServer.options()]);
    await eventually('the upload runs', () => testServer.memory.openHandles === 1);
    await testServer.server.drain(100);
    expect(testServer.memory.openHandles).toBe(0);
    expect(testServer.memory.content('/big')).toBeNull();
    expect((await uploading).code).not.toBe(0);
  });
});
