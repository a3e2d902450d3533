import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { missing } from '../support/tools.js';
import { TestDoor } from './door.js';

let door: TestDoor;
const noDoor = missing('ssh-keygen', 'ssh-keyscan');
const names = Array.from({ length: 60 }, (_, index) => `${index % 5}/file ${index} ü.txt`);

beforeAll(async () => {
  if (noDoor !== null) return;
  door = await TestDoor.open();
  for (const name of names) {
    await mkdir(join(door.directory, 'tree', name, '..'), { recursive: true });
    await writeFile(join(door.directory, 'tree', name), randomBytes(20_000));
  }
});
afterAll(async () => {
  if (noDoor === null) await door[Symbol.asyncDispose]();
});
beforeEach(() => {
  if (noDoor === null) {
    for (const path of door.memory.nodes.keys()) if (path !== '/') door.memory.nodes.delete(path);
  }
});

async function expectTree(read: (name: string) => Promise<Buffer | null> | Buffer | null): Promise<void> {
  for (const name of names) {
    const sent = await readFile(join(door.directory, 'tree', name));
    expect((await read(name))?.equals(sent)).toBe(true);
  }
}

it.skipIf(noDoor !== null || missing('rclone') !== null)(
  'rclone copies a tree there and back and moves in it',
  async () => {
    const remote = `:sftp,host=127.0.0.1,port=${door.port},user=bob,key_file=${join(door.directory, 'id')},shell_type=none,disable_hashcheck=true:`;
    const rclone = (...args: string[]) =>
      runOk('rclone', ['--config', '/dev/null', ...args], { cwd: door.directory });
    await rclone('copy', 'tree', `${remote}/tree`);
    await expectTree((name) => door.memory.content(`/tree/${name}`));
    await rclone('copy', `${remote}/tree`, 'rclone-back');
    await expectTree((name) => readFile(join(door.directory, 'rclone-back', name)));
    await rclone('moveto', `${remote}/tree/0/file 0 ü.txt`, `${remote}/tree/moved`);
    expect(door.memory.nodes.has('/tree/moved')).toBe(true);
    await rclone('purge', `${remote}/tree`);
    expect([...door.memory.nodes.keys()]).toEqual(['/']);
    expect(door.memory.openHandles).toBe(0);
  },
);

it.skipIf(noDoor !== null || missing('lftp') !== null)('lftp mirrors a tree there and back', async () => {
  const connect = `ssh -a -x ${door
    .options()
    .map((option) => `'${option}'`)
    .join(' ')}`;
  const script = [
    'set cmd:fail-exit yes',
    'set net:max-retries 1',
    `set sftp:connect-program "${connect}"`,
    `open -u bob,none -p ${door.port} sftp://127.0.0.1`,
    'mirror -R tree /tree',
    'mirror /tree lftp-back',
    'rm -r /tree',
  ].join('\n');
  await writeFile(join(door.directory, 'script.lftp'), `${script}\n`);
  await runOk('lftp', ['-f', 'script.lftp'], { cwd: door.directory });
  await expectTree((name) => readFile(join(door.directory, 'lftp-back', name)));
  expect([...door.memory.nodes.keys()]).toEqual(['/']);
  expect(door.memory.openHandles).toBe(0);
});
