import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { missing } from '../support/tools.js';
import { TestSftpServer } from './test-sftp-server.js';

let server: TestSftpServer;
const noServer = missing('ssh-keygen', 'ssh-keyscan');
const names = Array.from({ length: 60 }, (_, index) => `${index % 5}/file ${index} ü.txt`);

beforeAll(async () => {
  if (noServer !== null) return;
  server = await TestSftpServer.open();
  for (const name of names) {
    await mkdir(join(server.directory, 'tree', name, '..'), { recursive: true });
    await writeFile(join(server.directory, 'tree', name), randomBytes(20_000));
  }
});
afterAll(async () => {
  if (noServer === null) await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  if (noServer === null) {
    for (const path of server.memory.nodes.keys()) if (path !== '/') server.memory.nodes.delete(path);
  }
});

async function expectTree(read: (name: string) => Promise<Buffer | null> | Buffer | null): Promise<void> {
  for (const name of names) {
    const sent = await readFile(join(server.directory, 'tree', name));
    expect((await read(name))?.equals(sent)).toBe(true);
  }
}

it.skipIf(noServer !== null || missing('rclone') !== null)(
  'rclone copies a tree up and down and moves a file in it',
  async () => {
    const remote = `:sftp,host=127.0.0.1,port=${server.port},user=bob,key_file=${join(server.directory, 'id')},shell_type=none,disable_hashcheck=true:`;
    const rclone = (...args: string[]) =>
      runOk('rclone', ['--config', '/dev/null', ...args], { cwd: server.directory });
    await rclone('copy', 'tree', `${remote}/tree`);
    await expectTree((name) => server.memory.content(`/tree/${name}`));
    await rclone('copy', `${remote}/tree`, 'rclone-back');
    await expectTree((name) => readFile(join(server.directory, 'rclone-back', name)));
    await rclone('moveto', `${remote}/tree/0/file 0 ü.txt`, `${remote}/tree/moved`);
    expect(server.memory.nodes.has('/tree/moved')).toBe(true);
    await rclone('purge', `${remote}/tree`);
    expect([...server.memory.nodes.keys()]).toEqual(['/']);
    expect(server.memory.openHandles).toBe(0);
  },
);

it.skipIf(noServer !== null || missing('lftp') !== null)('lftp mirrors a tree up and down', async () => {
  const connect = `ssh -a -x ${server
    .options()
    .map((option) => `'${option}'`)
    .join(' ')}`;
  const script = [
    'set cmd:fail-exit yes',
    'set net:max-retries 1',
    `set sftp:connect-program "${connect}"`,
    `open -u bob,none -p ${server.port} sftp://127.0.0.1`,
    'mirror -R tree /tree',
    'mirror /tree lftp-back',
    'rm -r /tree',
  ].join('\n');
  await writeFile(join(server.directory, 'script.lftp'), `${script}\n`);
  await runOk('lftp', ['-f', 'script.lftp'], { cwd: server.directory });
  await expectTree((name) => readFile(join(server.directory, 'lftp-back', name)));
  expect([...server.memory.nodes.keys()]).toEqual(['/']);
  expect(server.memory.openHandles).toBe(0);
});
