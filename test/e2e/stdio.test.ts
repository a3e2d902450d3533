import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finished, run, runOk } from '../support/command.js';
import { Gateway, mainScript } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const sshd = '/usr/sbin/sshd';
const unixUser = 'sftpgw-test';
const otherUser = 'sftpgw-other';

function reasonToSkip(): string | null {
  if (process.getuid?.() !== 0) return 'needs root, to make users of the machine';
  if (!existsSync(sshd)) {
    if (process.env['CI']) throw new Error('sshd is not installed');
    return 'sshd is not installed';
  }
  return embeddedSkip ?? missing('sftp', 'ssh-keygen', 'useradd', 'userdel', 'runuser', 'getent');
}
const skip = reasonToSkip();

describe.skipIf(skip !== null)(
  `sftpgw stdio behind Debian's sshd${skip === null ? '' : ` (${skip})`}`,
  () => {
    let gateway: Gateway;
    let daemon: ChildProcess | null = null;
    let sshPort = 0;
    /** Copy of the program that every user can read. */
    let program = '';
    let daemonLog = '';
    const created: string[] = [];

    beforeAll(async () => {
      gateway = await Gateway.prepare({ s3: null, properties: { 'sftp.stdio': 'yes' } });
      // Users of the machine pass through the directories above the sockets.
      chmodSync(dirname(gateway.root), 0o755);
      for (const name of [unixUser, otherUser]) {
        await runOk('useradd', [
          '--no-create-home',
          '--home-dir',
          '/nonexistent',
          '--shell',
          '/bin/sh',
          '--password',
          '*',
          name,
        ]);
        created.push(name);
      }
      const user = await gateway.addUser(unixUser, ['--sse', '1']);
      await gateway.serve();
      sshPort = await startDaemon(`${user.identity}.pub`);
    });

    afterAll(async () => {
      daemon?.kill();
      await gateway?.[Symbol.asyncDispose]();
      for (const name of created) await run('userdel', [name]);
    });

    /** Starts sshd with a configuration of its own. Returns its port. */
    async function startDaemon(publicKey: string): Promise<number> {
      const directory = join(gateway.work, 'sshd');
      mkdirSync(directory, { mode: 0o755 });
      mkdirSync('/run/sshd', { recursive: true });
      await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'host')]);
      cpSync(publicKey, join(directory, 'authorized_keys'));
      chmodSync(join(directory, 'authorized_keys'), 0o644);
      const port = 20_000 + Math.floor(Math.random() * 10_000);
      // The command runs as the user, who can read neither root's home nor its Node.js there.
      const node = join(directory, 'node');
      cpSync(process.execPath, node);
      chmodSync(node, 0o755);
      // So may be the checkout. The program needs nothing beside it.
      program = join(directory, 'package/dist/bin/sftpgw.js');
      cpSync(dirname(mainScript), dirname(program), { recursive: true });
      cpSync(join(dirname(mainScript), '../../package.json'), join(directory, 'package/package.json'));
      const lines = [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(directory, 'host')}`,
        `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        `PidFile ${join(directory, 'pid')}`,
        `Subsystem sftp ${node} ${program} stdio --root ${gateway.root}`,
      ];
      writeFileSync(join(directory, 'config'), `${lines.join('\n')}\n`);
      daemon = spawn(sshd, ['-D', '-e', '-f', join(directory, 'config')], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      daemon.stderr?.on('data', (bytes: Buffer) => {
        daemonLog += bytes.toString();
      });
      await eventually('sshd listens', () => daemonLog.includes('Server listening'));
      return port;
    }

    function sftp(batch: string): Promise<Finished> {
      const options = [
        'BatchMode=yes',
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'LogLevel=ERROR',
      ];
      const args = ['-q', '-b', '-', '-i', join(gateway.work, `${unixUser}.id`), '-P', String(sshPort)];
      for (const option of options) args.push('-o', option);
      return run('sftp', [...args, `${unixUser}@127.0.0.1`], { input: `${batch}\n` });
    }

    const socketOf = (name: string) => join(gateway.root, 'run/sftpgw/stdio', `${name}.sock`);

    it('serves SFTP to a user whom sshd logged in', async () => {
      const content = Buffer.alloc(5_000_000, 'content of the file ');
      const [source, copy] = [join(gateway.work, 'source'), join(gateway.work, 'copy')];
      writeFileSync(source, content);
      const finished = await sftp(`put ${source} /uploads/file\nls -l /uploads\nget /uploads/file ${copy}`);
      expect([finished.code, finished.stderr], daemonLog + gateway.output).toEqual([0, '']);
      expect(finished.stdout).toContain('5000000');
      expect(readFileSync(copy).equals(content)).toBe(true);
      expect(gateway.output).toMatch(/"user":"sftpgw-test","statedAddress":"127\.0\.0\.1"/);
    });

    it('makes a socket that belongs to the user, in a directory that belongs to the gateway', () => {
      const socket = statSync(socketOf(unixUser));
      expect([socket.mode & 0o777, socket.uid]).toEqual([0o600, statUid(unixUser)]);
      const directory = statSync(dirname(socketOf(unixUser)));
      expect([directory.mode & 0o777, directory.uid]).toEqual([0o755, 0]);
    });

    it('lets no other user of the machine connect', async () => {
      const script = `require('net').connect(${JSON.stringify(socketOf(unixUser))}).on('error', (e) => console.log(e.code)).on('connect', () => console.log('connected'))`;
      const node = join(gateway.work, 'sshd/node');
      const asOwner = await run('runuser', ['-u', unixUser, '--', 'timeout', '2', node, '-e', script], {
        cwd: '/',
      });
      expect(asOwner.stdout).toBe('connected\n');
      const asOther = await run('runuser', ['-u', otherUser, '--', node, '-e', script], { cwd: '/' });
      expect(asOther.stdout).toBe('EACCES\n');
      const command = [node, program, 'stdio', '--root', gateway.root];
      const without = await run('runuser', ['-u', otherUser, '--', ...command], { cwd: '/' });
      expect([without.code, without.stderr]).toEqual([
        3,
        expect.stringContaining(`no SFTP service for ${otherUser}`),
      ]);
    });

    it('closes a connection that does not begin as sftpgw stdio does', async () => {
      const socket = createConnection(socketOf(unixUser));
      socket.write('SSH-2.0-OpenSSH_9.2\r\n');
      const received: Buffer[] = [];
      for await (const bytes of socket) received.push(bytes as Buffer);
      expect(Buffer.concat(received).toString()).toBe(
        'refused sftpgw stdio has another version than the gateway\n',
      );
    });

    it('removes the sockets when the gateway stops, and makes them again when it starts', async () => {
      await gateway.end('SIGTERM');
      expect(existsSync(socketOf(unixUser))).toBe(false);
      const finished = await sftp('ls /');
      expect(finished.code).not.toBe(0);
      await gateway.serve();
      expect((await sftp('ls /uploads')).stdout).toContain('file');
    });

    function statUid(name: string): number {
      const line = readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .find((text) => text.startsWith(`${name}:`));
      return Number(line?.split(':')[2]);
    }
  },
);
