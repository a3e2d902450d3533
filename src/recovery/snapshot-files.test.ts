import { mkdir, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFiles } from '../keyring/key-files.js';
import { testEntropy } from '../keyring/testing/keyring-world.js';
import { CustomerKey } from '../model/customer-key.js';
import { parseUsername } from '../model/users.js';
import { findKeyFiles, findSnapshotFiles, readSnapshotFiles } from './snapshot-files.js';
import {
  gatewayFilePaths,
  keyFileDirectory,
  sharedKeyFileDirectory,
  snapshotPath,
  userFilePaths,
} from './snapshot-paths.js';
import { quiet } from './testing/machine.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sftpgw-snapshot-files-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, content: string | Uint8Array = 'x', modifiedS?: number): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  if (modifiedS !== undefined) await utimes(join(root, path), modifiedS, modifiedS);
}

const bob = 'home/bob/.sftpgateway';
const signer = 'var/lib/sftpgw/snapshot-signers/0123456789abcdef';
const found = async () => (await findSnapshotFiles(root)).map(({ path }) => path);
const newKey = () => CustomerKey.fromBytes(testEntropy.bytes(32));

describe('the paths of a snapshot', () => {
  it('have the kinds that they were listed for', () => {
    expect(gatewayFilePaths.map((path) => snapshotPath(path)?.kind)).toEqual([
      'settings',
      'recipients',
      'shared-settings',
      'event-secret',
      'host-key',
      'host-key',
      'host-key',
    ]);
    const username = parseUsername('bob');
    expect(userFilePaths(username).map(snapshotPath)).toEqual([
      { kind: 'authorized-keys', username },
      { kind: 'password', username },
      { kind: 'totp', username },
      { kind: 'user-settings', username },
    ]);
    for (const directory of [keyFileDirectory(username), sharedKeyFileDirectory]) {
      for (const name of ['sse.key', 'sse-sync.key', `sse.key.${'0f'.repeat(16)}`]) {
        expect(snapshotPath(`${directory}/${name}`)).toEqual({ kind: 'key-file' });
      }
    }
    expect(snapshotPath(signer)).toEqual({ kind: 'signer' });
  });

  it.each([
    `${bob}/sse.key.0f`,
    `${bob}/sse.key.${'0f'.repeat(16)}0`,
    `${bob}/sse.key.${'0F'.repeat(16)}`,
    `${bob}/ssex.key`,
    `${bob}/xsse.key`,
    `${bob}/sse-other.key`,
    `home/bob/x/.sftpgateway/sse.key`,
    `x/root/.sftpgateway/sse.key`,
    `root/.sftpgateway/sse.key/x`,
    `${signer}0`,
    `x${signer}`,
    'var/lib/sftpgw/snapshot-signers/0123456789abcdeX',
    'home/.ssh/authorized_keys',
    'home/bob',
    'x/home/bob/.sftpgateway/password',
    'toString',
  ])('do not include %s', (path) => {
    expect(snapshotPath(path)).toBeNull();
  });
});

describe('the files of a root', () => {
  it('are none in an empty root', async () => {
    expect(await found()).toEqual([]);
  });

  it('are those of the gateway, its signers, its users and their key files, and no others', async () => {
    const expected = [
      'opt/sftpgw/sftpgateway.properties',
      'var/lib/sftpgw/host-keys/ssh_host_rsa_key',
      signer,
      'home/amy/.sftpgateway/user.properties',
      'home/bob/.ssh/authorized_keys',
      `${bob}/password`,
      `${bob}/totp.secret`,
      `${bob}/user.properties`,
      'home/amy/.sftpgateway/sse-sync.key',
      `${bob}/sse.key`,
      `${bob}/sse.key.${'0f'.repeat(16)}`,
      'root/.sftpgateway/sse.key',
    ];
    for (const path of expected.toReversed()) await write(path);
    for (const path of [
      // A home without settings does not belong to a user.
      'home/eve/.ssh/authorized_keys',
      'home/eve/.sftpgateway/sse.key',
      'home/not a user/.sftpgateway/user.properties',
      `${bob}/notes.txt`,
      'var/lib/sftpgw/snapshot-signers/README',
      'var/lib/sftpgw/keyring-identity',
    ])
      await write(path);
    expect(await found()).toEqual(expected);
    const contents = await readSnapshotFiles(root, await findSnapshotFiles(root));
    expect(contents.map(({ path }) => path)).toEqual(expected.slice(0, 8));
  });

  it('have another stamp after each change', async () => {
    const path = 'opt/sftpgw/sftpgateway.properties';
    const stamps = new Set<string>();
    const changes = [
      () => write(path, 'a', 1_000),
      () => write(path, 'ab', 1_000),
      () => write(path, 'ab', 2_000),
      async () => {
        await rm(join(root, path));
        await write('other', 'takes the inode');
        await write(path, 'ab', 2_000);
      },
    ];
    for (const change of changes) {
      await change();
      const [file] = await findSnapshotFiles(root);
      stamps.add(file?.stamps ?? '');
    }
    expect(stamps.size).toBe(changes.length);
  });

  it('are read up to 4 MiB; a larger one is refused by its name', async () => {
    const path = 'home/bob/.ssh/authorized_keys';
    await write(`${bob}/user.properties`);
    await write(path);
    const files = await findSnapshotFiles(root);
    await truncate(join(root, path), 4 * 1024 * 1024);
    expect((await readSnapshotFiles(root, files))[0]?.content.byteLength).toBe(4 * 1024 * 1024);
    await truncate(join(root, path), 4 * 1024 * 1024 + 1);
    await expect(readSnapshotFiles(root, files)).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining(path),
    });
  });

  it('are left out if they were removed since they were found', async () => {
    await write('opt/sftpgw/sftpgateway.properties');
    await write('root/.sftpgateway/user.properties', 'kept');
    const files = await findSnapshotFiles(root);
    await rm(join(root, 'opt/sftpgw/sftpgateway.properties'));
    expect(await readSnapshotFiles(root, files)).toEqual([
      { path: 'root/.sftpgateway/user.properties', content: Buffer.from('kept') },
    ]);
  });

  it('are unavailable if one cannot be read', async () => {
    await mkdir(join(root, 'opt/sftpgw/sftpgateway.properties'), { recursive: true });
    await expect(readSnapshotFiles(root, await findSnapshotFiles(root))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  it('may have a file in place of a directory', async () => {
    await write('home', 'not a directory');
    await write('root', 'not a directory');
    expect(await found()).toEqual([]);
  });
});

describe('raw key files', () => {
  it('are listed with their keys, the oldest first, and those without a key are left out', async () => {
    const [first, second, named] = [newKey(), newKey(), newKey()];
    await write(`${bob}/user.properties`);
    await write(`${bob}/sse.key`, second.reveal(), 3_000);
    await write(`${bob}/sse-sync.key`, first.reveal(), 1_000);
    // A kept key is named by its fingerprint, and its content is not read.
    await write(`${bob}/sse.key.${named.fingerprint}`, 'anything', 2_000);
    await write('root/.sftpgateway/sse.key', 'not a key', 4_000);
    const files = await findSnapshotFiles(root);
    expect(await findKeyFiles(root, files, createKeyFiles(quiet))).toEqual([
      { path: `${bob}/sse-sync.key`, key: first.fingerprint },
      { path: `${bob}/sse.key.${named.fingerprint}`, key: named.fingerprint },
      { path: `${bob}/sse.key`, key: second.fingerprint },
    ]);
  });

  it('that were removed since are left out', async () => {
    await write('root/.sftpgateway/sse.key', newKey().reveal());
    const files = await findSnapshotFiles(root);
    await rm(join(root, 'root/.sftpgateway/sse.key'));
    expect(await findKeyFiles(root, files, createKeyFiles(quiet))).toEqual([]);
  });
});
