import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestUsers } from '../auth/testing/test-users.js';
import { parseHostKey } from '../host-keys/host-key.js';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { testHostKeys } from '../testing/test-server.js';
import type { TestUserKey } from '../testing/user-keys.js';
import { SshServer } from './ssh-server.js';
import { EchoApplication } from './testing/echo-application.js';
import { type LogLine, recordingLog, testOptions } from './testing/test-ssh-server.js';

interface Outcome {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Lets other work run. */
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe.skipIf(!KeygenDirectory.isInstalled)("OpenSSH's client", () => {
  const directory = new KeygenDirectory();
  const servers: SshServer[] = [];
  const lines: LogLine[] = [];
  let knownHosts = '';

  beforeAll(() => {
    directory.make('user', 'ed25519');
    knownHosts = join(directory.path, 'known_hosts');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.drain(0);
  });
  afterAll(() => directory.remove());

  async function start(application = new EchoApplication()) {
    const key = { blob: directory.blob('user.pub') } as TestUserKey;
    const authenticator = new TestUsers({ alice: { keys: [{ key }] } });
    lines.length = 0;
    const log = recordingLog(lines);
    const options = testOptions(application, log, { authenticator, hostKeys: testHostKeys });
    const server = await SshServer.listen(options, 0, '127.0.0.1');
    servers.push(server);
    return { application, server, port: server.address.port };
  }

  function run(program: string, port: number, args: readonly string[], input?: Buffer): Promise<Outcome> {
    const options = [
      `UserKnownHostsFile=${knownHosts}`,
      'StrictHostKeyChecking=accept-new',
      `IdentityFile=${join(directory.path, 'user')}`,
      'IdentitiesOnly=yes',
      'BatchMode=yes',
    ].flatMap((option) => ['-o', option]);
    const portFlag = program === 'ssh' ? '-p' : '-P';
    const child = spawn(program, ['-F', 'none', ...options, portFlag, String(port), ...args]);
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve) => {
      child.on('close', (status) => resolve({ status, stdout: Buffer.concat(stdout), stderr }));
    });
  }

  it.each([1, 100_000, 64 * 1024 * 1024])('gets %i bytes back from a subsystem', async (byteLength) => {
    const { port } = await start();
    const input = randomBytes(byteLength);
    const { status, stdout, stderr } = await run('ssh', port, ['-s', 'alice@127.0.0.1', 'sftp'], input);
    expect([status, stderr.replace(/Warning: Permanently added.*\r?\n/, '')]).toEqual([0, '']);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(stdout)).toBe(digest(input));
  });

  it.each([
    ['a shell', ['alice@127.0.0.1']],
    ['a shell with a terminal', ['-tt', 'alice@127.0.0.1']],
    ['a command', ['alice@127.0.0.1', 'uname', '-a']],
  ])('shows the refusal of %s', async (_, args) => {
    const { port } = await start();
    const { status, stderr } = await run('ssh', port, args);
    expect(status).toBe(1);
    expect(stderr).toContain('this server serves SFTP only');
  });

  it('passes the command of scp to the application', async () => {
    const { port, application } = await start();
    await run('ssh', port, ['alice@127.0.0.1', 'scp', '-t', '/target'], Buffer.from('x'));
    expect(application.sessions[0]?.request).toEqual({ kind: 'exec', command: 'scp -t /target' });
  });

  it('shows the refusal of the application in sftp', async () => {
    const { port, application } = await start();
    application.refusal = 'sftpgw: this account has just been removed';
    const { stderr } = await run('sftp', port, ['alice@127.0.0.1']);
    expect(stderr).toContain('sftpgw: this account has just been removed');
  });

  it('shows the cause when the server ends the connection', async () => {
    const { port, server } = await start();
    const running = run('sftp', port, ['alice@127.0.0.1']);
    while (server.sessionCount === 0) await soon();
    await server.disconnectAll('maintenance until noon');
    expect((await running).stderr).toContain('maintenance until noon');
  });

  it('is refused a forward', async () => {
    const { port } = await start();
    const { stderr } = await run('ssh', port, [
      '-N',
      '-o',
      'ExitOnForwardFailure=yes',
      '-R',
      '0:localhost:1',
      'alice@127.0.0.1',
    ]);
    expect(stderr).toContain('remote port forwarding failed');
  });

  it('learns the other host keys, and their proofs', async () => {
    const { port, server } = await start();
    // The first connection accepts one key, the second has time to learn the others.
    writeFileSync(knownHosts, '');
    await run('ssh', port, ['-s', 'alice@127.0.0.1', 'sftp']);
    const learning = run('ssh', port, ['-v', '-N', '-o', 'UpdateHostKeys=yes', 'alice@127.0.0.1']);
    while (directory.text('known_hosts').trim().split('\n').length < testHostKeys.length) await soon();
    await server.disconnectAll();
    expect((await learning).stderr).not.toContain('bad signature');
    const known = directory.text('known_hosts').trim().split('\n');
    expect(new Set(known.map((line) => line.split(' ')[1]))).toEqual(
      new Set(testHostKeys.map(({ type }) => type)),
    );
  });

  it('opens several channels over one connection', async () => {
    const { port, server } = await start();
    const control = join(directory.path, 'control');
    const master = run('ssh', port, ['-M', '-N', '-S', control, 'alice@127.0.0.1']);
    while (!existsSync(control)) await soon();
    const input = randomBytes(300_000);
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () =>
        run('ssh', port, ['-S', control, '-s', 'alice@127.0.0.1', 'sftp'], input),
      ),
    );
    for (const { stdout } of outcomes) expect(stdout.equals(input)).toBe(true);
    expect(server.sessionCount).toBe(1);
    await server.disconnectAll();
    await master;
  });

  it.each([
    ['KexAlgorithms=diffie-hellman-group14-sha1', 'diffie-hellman-group14-sha1'],
    ['Ciphers=aes128-cbc', 'aes128-cbc'],
    ['MACs=hmac-sha1', 'hmac-sha1'],
    ['HostKeyAlgorithms=ssh-rsa', 'ssh-rsa'],
  ])('with %s only is refused, and the log has its software and its offer', async (option, offer) => {
    const { port } = await start();
    const ciphers = option.startsWith('MACs') ? ['-o', 'Ciphers=aes128-ctr'] : [];
    const { status, stderr } = await run('ssh', port, ['-o', option, ...ciphers, 'alice@127.0.0.1']);
    expect([status, stderr]).toEqual([255, expect.stringContaining('no matching')]);
    const refusals = lines.filter(({ level }) => level !== 'debug');
    expect(refusals).toHaveLength(1);
    expect(refusals[0]?.fields).toMatchObject({
      address: '127.0.0.1',
      software: expect.stringMatching(/^OpenSSH/),
    });
    expect(refusals[0]?.fields['cause']).toContain(offer);
  });

  it('accepts a host key from a file', async () => {
    directory.make('host', 'ed25519');
    expect(parseHostKey(directory.text('host')).fingerprint).toBe(
      directory.run('-lf', 'host.pub').split(' ')[1],
    );
  });
});
