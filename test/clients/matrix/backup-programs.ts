import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/command.js';
import type { Client, Peer } from './cells.js';
import { command, inTurn, sessionOf } from './command-session.js';

/** Writes an ssh configuration for programs that start `ssh HOST`. Returns its path. */
function sshConfig({ gateway, user }: Peer, work: string): string {
  const path = join(work, 'ssh_config');
  const lines = [
    'Host gateway',
    '  HostName 127.0.0.1',
    `  Port ${gateway.sftpPort}`,
    `  User ${user.name}`,
    `  IdentityFile ${user.identity}`,
    ...['IdentitiesOnly yes', 'BatchMode yes', 'StrictHostKeyChecking no', 'UserKnownHostsFile /dev/null'],
    'LogLevel ERROR',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** restic over OpenSSH's ssh: two snapshots, a full check and a restoration. */
export const restic: Client = {
  name: 'restic',
  needs: ['restic', 'ssh'],
  version: async () => /restic (\S+)/.exec((await run('restic', ['version'])).stdout)?.[1] ?? '',
  async start(peer, work) {
    const ssh = `ssh -F ${sshConfig(peer, work)} gateway -s sftp`;
    const env = { ...process.env, RESTIC_PASSWORD: 'of the test', RESTIC_CACHE_DIR: join(work, 'cache') };
    return sessionOf({
      backUp: (local, remote, restored) => {
        const resticWith = (...args: readonly string[]) =>
          command('restic', ['-r', `sftp:gateway:${remote}`, '-o', `sftp.command=${ssh}`, ...args], { env });
        return inTurn(
          () => resticWith('init'),
          () => resticWith('backup', local),
          () => resticWith('backup', local),
          () => resticWith('forget', '--prune', '--keep-last', '1'),
          () => resticWith('check', '--read-data'),
          () => resticWith('restore', 'latest', '--target', `${restored}.whole`),
          () => command('mv', [`${restored}.whole${local}`, restored]),
        );
      },
    });
  },
};

/** duplicity with paramiko: a full and an incremental backup, a verification and a restoration. */
export const duplicity: Client = {
  name: 'duplicity',
  needs: ['duplicity', '/usr/lib/python3/dist-packages/paramiko'],
  version: async () => /duplicity (\S+)/.exec((await run('duplicity', ['--version'])).stdout)?.[1] ?? '',
  async start({ gateway, user, rsaIdentity, knownHosts }, work) {
    const home = join(work, 'home');
    mkdirSync(join(home, '.ssh'), { recursive: true });
    const env = { ...process.env, HOME: home, PYTHONWARNINGS: 'ignore' };
    await run('cp', [knownHosts, join(home, '.ssh', 'known_hosts')]);
    const options = [
      '--no-encryption',
      '--archive-dir',
      join(work, 'archive'),
      `--ssh-options=-oIdentityFile=${rsaIdentity}`,
    ];
    return sessionOf({
      backUp: (local, remote, restored) => {
        const url = `paramiko+sftp://${user.name}@127.0.0.1:${gateway.sftpPort}/${remote}`;
        const duplicityWith = (...args: readonly string[]) =>
          command('duplicity', [...options, ...args], { env });
        return inTurn(
          () => duplicityWith('full', local, url),
          () => duplicityWith('incremental', local, url),
          () => duplicityWith('verify', '--compare-data', url, local),
          () => duplicityWith('restore', url, restored),
        );
      },
    });
  },
};
