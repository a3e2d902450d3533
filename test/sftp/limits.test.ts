import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { TestDoor } from './door.js';

const skip = missing('sftp', 'ssh-keygen', 'ssh-keyscan');

/** Everything that the server says until it closes. */
async function untilClosed(socket: Socket): Promise<string> {
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return said;
}

describe.skipIf(skip !== null)('the bounds of the door', () => {
  it('refuse a connection too many from an address before the handshake, in words', async () => {
    await using door = await TestDoor.open({ maxSessionsPerAddress: 2 });
    const held = [connect(door.port, '127.0.0.1'), connect(door.port, '127.0.0.1')];
    await Promise.all(held.map((socket) => once(socket, 'data')));
    const said = await untilClosed(connect(door.port, '127.0.0.1'));
    expect(said).toBe('there are too many connections from this address; close some\r\n');
    held[0]?.destroy();
    await eventually('there is room again', async () => (await door.sftp('pwd')).code === 0);
    held[1]?.destroy();
  });

  it('tell a user who has too many sessions', async () => {
    await using door = await TestDoor.open({ maxSessionsPerUser: 0 });
    const { code, stderr } = await door.sftp('pwd');
    expect(code).toBe(255);
    expect(stderr).toContain('you have as many sessions as one user may have; close some');
  });

  it('end a connection that does not log in', async () => {
    await using door = await TestDoor.open({ loginTimeoutMs: 200 });
    const silent = connect(door.port, '127.0.0.1');
    const talking = connect(door.port, '127.0.0.1');
    talking.write('SSH-2.0-slow\r\n');
    expect(await untilClosed(silent)).toMatch(/^SSH-2\.0-sftpgw\r\n/);
    expect(await untilClosed(talking)).toMatch(/^SSH-2\.0-sftpgw\r\n/);
  });

  it('end a connection that guesses passwords', async () => {
    await using door = await TestDoor.open({ maxLoginAttempts: 2 });
    for (let guess = 0; guess < 3; guess++) await door.makeKey(`guess-${guess}`, 'ed25519', false);
    const guesses = [0, 1, 2].map((guess) => `IdentityFile=${join(door.directory, `guess-${guess}`)}`);
    const { stderr } = await door.sftp('pwd', door.options('guess-0', ...guesses.slice(1), 'BatchMode=yes'));
    expect(stderr).not.toBe('');
    const refused = door.lines.filter(({ message }) => message === 'a login was refused');
    expect(refused.map(({ fields }) => fields['attempt'])).toEqual([1, 2]);
  });

  it('survive clients that speak anything but SSH', async () => {
    await using door = await TestDoor.open();
    for (const said of [
      'GET / HTTP/1.1\r\n\r\n',
      'SSH-2.0-x\r\n\0\0\0\x0c\nxxxxxxxxxxxxxxxx',
      Buffer.alloc(100_000, 0xff),
    ]) {
      const socket = connect(door.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(said);
      await untilClosed(socket);
    }
    expect((await door.sftp('pwd')).code).toBe(0);
  });

  it('agree on new keys after so many bytes', async () => {
    await using door = await TestDoor.open({ rekeyAfterBytes: 1_000_000 });
    const sent = randomBytes(30_000_000);
    await writeFile(join(door.directory, 'big'), sent);
    const { code, stderr } = await door.sftp('put big /big\nget /big back');
    expect([code, stderr]).toEqual([0, '']);
    expect((await readFile(join(door.directory, 'back'))).equals(sent)).toBe(true);
    expect(door.lines.filter(({ message }) => message === 'keys were agreed on').length).toBeGreaterThan(3);
  });
});

describe.skipIf(skip !== null)('draining the door', () => {
  it('lets an upload finish, takes no new connection, then ends the others', async () => {
    await using door = await TestDoor.open();
    const size = 30_000_000;
    await writeFile(join(door.directory, 'big'), Buffer.alloc(size, 'x'));
    const options = door.options();
    const uploading = door.sftp('put big /big', ['-l', '60000', ...options]);
    await eventually('the upload runs', () => door.memory.openHandles === 1);
    const drained = door.server.drain(20_000);
    const refused = await door.sftp('pwd');
    expect(refused.stderr).toContain('Connection refused');
    await drained;
    expect(door.memory.content('/big')?.byteLength).toBe(size);
    await uploading;
    expect(door.memory.isDisposed).toBe(true);
  });

  it('ends what does not finish in time', async () => {
    await using door = await TestDoor.open();
    await writeFile(join(door.directory, 'big'), Buffer.alloc(30_000_000, 'x'));
    const uploading = door.sftp('put big /big', ['-l', '1000', ...door.options()]);
    await eventually('the upload runs', () => door.memory.openHandles === 1);
    await door.server.drain(100);
    expect(door.memory.openHandles).toBe(0);
    expect(door.memory.content('/big')).toBeNull();
    expect((await uploading).code).not.toBe(0);
  });
});
