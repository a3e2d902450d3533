import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestUsers } from '../auth/testing/test-users.js';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { testHostKeys } from '../testing/test-server.js';
import type { TestUserKey } from '../testing/user-keys.js';
import { SshServer } from './ssh-server.js';
import { EchoApplication } from './testing/echo-application.js';
import { hasSftpServer, sftpApplication } from './testing/sftp-application.js';
import { testOptions, testPassword } from './testing/test-ssh-server.js';

const isInstalled = (program: string) => spawnSync('which', [program]).status === 0;

interface TestClient {
  readonly program: string;
  readonly input?: string;
  args(port: number, directory: string): readonly string[];
}

const batch = 'put upload copy\nget copy download\nbye\n';
const openssh = (directory: string) => [
  '-F',
  'none',
  '-i',
  join(directory, 'user'),
  ...['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'].flatMap((option) => [
    '-o',
    option,
  ]),
];

const clients: Readonly<Record<string, TestClient>> = {
  'OpenSSH sftp': {
    program: 'sftp',
    input: batch,
    args: (port, directory) => [...openssh(directory), '-P', String(port), '-b', '-', 'alice@127.0.0.1'],
  },
  'OpenSSH sftp with requests of 255 KiB': {
    program: 'sftp',
    input: batch,
    args: (port, directory) => [
      ...openssh(directory),
      ...['-B', '261120', '-R', '128', '-P', String(port), '-b', '-', 'alice@127.0.0.1'],
    ],
  },
  'OpenSSH sftp with rekeying after each MiB': {
    program: 'sftp',
    input: batch,
    args: (port, directory) => [
      ...openssh(directory),
      ...['-o', 'RekeyLimit=1M', '-P', String(port), '-b', '-', 'alice@127.0.0.1'],
    ],
  },
  'PuTTY psftp': {
    program: 'psftp',
    input: batch,
    args: (port) => [
      ...['-P', String(port), '-pw', testPassword, '-batch', '-be', '-b', 'commands'],
      ...['-hostkey', testHostKeys[0]?.fingerprint ?? '', 'alice@127.0.0.1'],
    ],
  },
  lftp: {
    program: 'lftp',
    args: (port, directory) => [
      '-c',
      `set sftp:connect-program "ssh -a -x ${openssh(directory).join(' ')}";
       open -u alice, sftp://127.0.0.1:${port}; put upload -o copy; get copy -o download`,
    ],
  },
  'curl (libssh2)': {
    program: 'sh',
    args: (port) => [
      '-c',
      `curl -s -k -u alice:${testPassword} -T upload sftp://127.0.0.1:${port}/~/copy &&
       curl -s -k -u alice:${testPassword} -o download sftp://127.0.0.1:${port}/~/copy`,
    ],
  },
};

describe.skipIf(!hasSftpServer || !KeygenDirectory.isInstalled)('SFTP clients', () => {
  const keys = new KeygenDirectory();
  let server: SshServer;
  let remote = '';

  beforeAll(async () => {
    keys.make('user', 'ed25519');
    writeFileSync(join(keys.path, 'commands'), batch);
    remote = mkdtempSync(join(tmpdir(), 'sftp-remote-'));
    const key = { blob: keys.blob('user.pub') } as TestUserKey;
    const options = testOptions(new EchoApplication(), undefined, {
      hostKeys: testHostKeys.slice(0, 1),
      authenticator: new TestUsers({ alice: { password: testPassword, keys: [{ key }] } }),
      onSession: sftpApplication(remote),
    });
    server = await SshServer.listen(options, 0, '127.0.0.1');
  });

  afterAll(async () => {
    await server.drain(0);
    keys.remove();
    rmSync(remote, { recursive: true, force: true });
  });

  function run({ program, input, args }: TestClient): Promise<{ status: number | null; output: string }> {
    const child = spawn(program, args(server.address.port, keys.path), { cwd: keys.path });
    let output = '';
    const collect = (bytes: Buffer) => {
      output += bytes.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
  }

  it.each(Object.keys(clients))('%s puts and gets a file of 20 MB', async (name) => {
    const client = clients[name];
    if (client === undefined || !isInstalled(name.startsWith('curl') ? 'curl' : client.program)) return;
    const content = randomBytes(20_000_001);
    writeFileSync(join(keys.path, 'upload'), content);
    for (const path of [join(keys.path, 'download'), join(remote, 'copy')]) rmSync(path, { force: true });
    const { status, output } = await run(client);
    expect([status, output]).toEqual([0, expect.any(String)]);
    for (const path of [join(remote, 'copy'), join(keys.path, 'download')]) {
      expect(readFileSync(path).equals(content)).toBe(true);
    }
    expect(server.unsentBytes).toBe(0);
  });
});
