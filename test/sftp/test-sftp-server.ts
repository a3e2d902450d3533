import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VfsFactory } from '../../src/model/vfs.js';
import type { SftpLimits } from '../../src/sftp/limits.js';
import { type SftpServer, startSftpServer } from '../../src/sftp/server.js';
import { MemoryVfs } from '../../src/sftp/testing/memory-vfs.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../../src/sftp/testing/test-logger.js';
import { type Credential, plainLogins } from '../../src/users/testing/plain-logins.js';
import { type Finished, run, runOk } from '../support/command.js';

/** The SFTP server over a tree in memory. Its only user `bob` has a key and the password `open sesame`. */
export class TestSftpServer implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'sftp-server-'));
  readonly memory = new MemoryVfs();
  readonly lines: LogLine[] = [];
  readonly asked: { username: string; kind: string; address: string }[] = [];
  #server: SftpServer | null = null;
  readonly #keys: Buffer[] = [];

  /** `vfs` shows other trees than the one in memory. */
  static async open(
    limits: Partial<SftpLimits> = {},
    vfs: VfsFactory | null = null,
  ): Promise<TestSftpServer> {
    const testServer = new TestSftpServer();
    await testServer.makeKey('id', 'ed25519', true);
    testServer.#server = await startSftpServer({
      host: '127.0.0.1',
      port: 0,
      hostKeyDirectory: join(testServer.directory, 'host-keys'),
      users: plainLogins({
        verify: async (_call, username, credential, address) => {
          testServer.asked.push({ username, kind: credential.kind, address });
          return username === 'bob' && testServer.#opens(credential);
        },
      }),
      vfs: vfs ?? { forUser: async () => testServer.memory },
      log: recordingLogger(testServer.lines),
      clock: testClock,
      entropy: testEntropy,
      limits,
    });
    const hostKey = await runOk('ssh-keyscan', ['-p', String(testServer.port), '-t', 'ed25519', '127.0.0.1']);
    await writeFile(join(testServer.directory, 'known_hosts'), hostKey.stdout);
    return testServer;
  }

  get server(): SftpServer {
    if (this.#server === null) throw new Error('the SFTP server is not open');
    return this.#server;
  }

  get port(): number {
    return this.server.address.port;
  }

  #opens(credential: Credential): boolean {
    if (credential.kind === 'password') return credential.password === 'open sesame';
    return this.#keys.some((key) => key.equals(credential.blob));
  }

  /** Creates a key pair and returns the path of the private key. With `isKnown`, bob can log in with it. */
  async makeKey(name: string, type: string, isKnown: boolean, ...more: string[]): Promise<string> {
    const path = join(this.directory, name);
    await runOk('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-C', name, '-f', path]);
    const publicKey = await readFile(`${path}.pub`, 'utf8');
    if (isKnown) this.#keys.push(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'));
    return path;
  }

  /** Returns the options that every client program needs. */
  options(identity: string | null = 'id', ...more: string[]): string[] {
    const settings = [
      `UserKnownHostsFile=${join(this.directory, 'known_hosts')}`,
      'StrictHostKeyChecking=yes',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'ConnectTimeout=20',
      ...(identity === null
        ? ['PubkeyAuthentication=no']
        : [`IdentityFile=${join(this.directory, identity)}`]),
      ...more,
    ];
    return ['-F', '/dev/null', ...settings.flatMap((setting) => ['-o', setting])];
  }

  /** Runs `sftp` as bob with these commands. */
  sftp(batch: string, options: readonly string[] = this.options()): Promise<Finished> {
    const args = [...options, '-P', String(this.port), '-b', '-', 'bob@127.0.0.1'];
    return run('sftp', args, { input: `${batch}\n`, cwd: this.directory });
  }

  /** Runs `sftp` without a batch, so that it can ask for a password. */
  async sftpWithPassword(batch: string, password: string): Promise<Finished> {
    const askpass = join(this.directory, 'askpass');
    await writeFile(askpass, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 });
    const options = this.options(null, 'NumberOfPasswordPrompts=1');
    const env = { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
    const args = [...options, '-P', String(this.port), 'bob@127.0.0.1'];
    return run('sftp', args, { input: `${batch}\n`, cwd: this.directory, env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
