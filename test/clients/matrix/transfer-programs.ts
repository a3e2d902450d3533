import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { noMount } from '../../ssh/client-programs.js';
import { run } from '../../support/command.js';
import type { Client, Peer } from './cells.js';
import { command, inTurn, sessionOf } from './command-session.js';

/** lftp, which speaks SFTP over OpenSSH's ssh. */
export const lftp: Client = {
  name: 'lftp',
  needs: ['lftp', 'ssh'],
  version: async () => /Version (\S+)/.exec((await run('lftp', ['--version'])).stdout)?.[1] ?? '',
  async start({ gateway, user }, work) {
    const settings = [
      'set cmd:fail-exit yes',
      'set net:max-retries 1',
      'set xfer:clobber yes',
      `set sftp:connect-program "ssh -a -x ${user.sshOptions.join(' ')}"`,
      `open -u ${user.name},x sftp://127.0.0.1:${gateway.sftpPort}`,
    ];
    const env = { ...process.env, HOME: work, LANG: 'C.UTF-8' };
    const log = join(work, 'lftp.log');
    const script = async (line: string) => {
      const outcome = await command(
        'lftp',
        ['--norc', '-c', [`debug -o ${log} 9`, ...settings, line].join('; ')],
        { env },
      );
      if (outcome.kind !== 'failed' || !outcome.output.endsWith('no text')) return outcome;
      return { ...outcome, output: `${outcome.output}\n${(await readFile(log, 'utf8')).slice(-4000)}` };
    };
    const quoted = (path: string) => `"${path.replaceAll(/(["\\])/g, '\\$1')}"`;
    return sessionOf({
      put: (local, remote) => script(`put ${quoted(local)} -o ${quoted(remote)}`),
      get: (remote, local) => script(`get ${quoted(remote)} -o ${quoted(local)}`),
      resumePut: (local, remote) => script(`put -c ${local} -o ${remote}`),
      resumeGet: (remote, local) => script(`get -c ${remote} -o ${local}`),
      rename: (from, to) => script(`mv ${from} ${to}`),
      replace: (from, to) => script(`mv ${from} ${to}`),
      mkdir: (path) => script(`mkdir ${path}`),
      rmdir: (path) => script(`rmdir ${path}`),
      putTree: (local, remote) => script(`mirror -R ${local} ${remote}`),
      getTree: (remote, local) => script(`mirror ${remote} ${local}`),
      // A mirror keeps times; a plain put does not.
      putTimes: (local, remote) => script(`mirror -R -f ${local} -O ${dirname(remote)}`),
      chmod: (mode, path) => script(`chmod ${mode} ${path}`),
      symlink: (target, link) => script(`ln -s ${target} ${link}`),
    });
  },
};

/** curl over libssh2. It logs in with the password. */
export function curl(name: string, program: string): Client {
  return {
    name,
    needs: [program],
    version: async () => {
      const { stdout } = await run(program, ['--version']);
      return `${/^curl (\S+)/.exec(stdout)?.[1]}, libssh2 ${/libssh2\/(\S+)/.exec(stdout)?.[1]}`;
    },
    async start({ gateway, user, password }) {
      const login = ['-s', '-S', '-k', '-u', `${user.name}:${password}`];
      const base = `sftp://127.0.0.1:${gateway.sftpPort}`;
      const url = (path: string) => `${base}${encodeURI(path).replaceAll(/[#?]/g, encodeURIComponent)}`;
      const curlWith = (...args: readonly string[]) => command(program, [...login, ...args]);
      const quote = (line: string) => curlWith('-o', '/dev/null', '-Q', line, `${base}/`);
      return sessionOf({
        put: (local, remote) => curlWith('-T', local, url(remote)),
        get: (remote, local) => curlWith('-o', local, url(remote)),
        resumePut: (local, remote) => curlWith('-C', '-', '-T', local, url(remote)),
        resumeGet: (remote, local) => curlWith('-C', '-', '-o', local, url(remote)),
        rename: (from, to) => quote(`rename ${from} ${to}`),
        replace: (from, to) => quote(`rename ${from} ${to}`),
        mkdir: (path) => quote(`mkdir ${path}`),
        rmdir: (path) => quote(`rmdir ${path}`),
        chmod: (mode, path) => quote(`chmod ${mode} ${path}`),
        append: (local, remote) => curlWith('-a', '-T', local, url(remote)),
        symlink: (target, link) => quote(`symlink ${target} ${link}`),
        df: (path) => curlWith('-D', '-', '-o', '/dev/null', '-Q', `statvfs ${path}`, `${base}/`),
      });
    },
  };
}

function rcloneRemote({ gateway, user }: Peer): string {
  return `:sftp,host=127.0.0.1,port=${gateway.sftpPort},user=${user.name},key_file=${user.identity},shell_type=none:`;
}

export const rclone: Client = {
  name: 'rclone',
  needs: ['rclone'],
  version: async () => /rclone v?(\S+)/.exec((await run('rclone', ['version'])).stdout)?.[1] ?? '',
  async start(peer, work) {
    const remote = (path: string) => `${rcloneRemote(peer)}${path}`;
    const env = { ...process.env, HOME: work };
    const rcloneWith = (...args: readonly string[]) =>
      command('rclone', ['--config', '/dev/null', '--retries', '1', '--low-level-retries', '1', ...args], {
        env,
      });
    return sessionOf({
      put: (local, path) => rcloneWith('copyto', '-I', local, remote(path)),
      get: (path, local) => rcloneWith('copyto', '-I', remote(path), local),
      rename: (from, to) => rcloneWith('moveto', remote(from), remote(to)),
      replace: (from, to) => rcloneWith('moveto', '-I', remote(from), remote(to)),
      mkdir: (path) => rcloneWith('mkdir', remote(path)),
      rmdir: (path) => rcloneWith('rmdir', remote(path)),
      putTree: (local, path) =>
        inTurn(
          () => rcloneWith('copy', local, remote(path)),
          () => rcloneWith('check', '--download', local, remote(path)),
        ),
      getTree: (path, local) => rcloneWith('copy', remote(path), local),
      putTimes: (local, path) => rcloneWith('copyto', local, remote(path)),
      df: (path) => rcloneWith('about', remote(path)),
    });
  },
};

/** sshfs, used by the programs of the system. */
export const sshfs: Client = {
  name: 'sshfs',
  needs: ['sshfs', 'fusermount3', 'ssh', 'python3'],
  obstacle: noMount,
  version: async () => /SSHFS version (\S+)/.exec((await run('sshfs', ['--version'])).stdout)?.[1] ?? '',
  async start({ gateway, user }, work) {
    const mounted = `${work}/mounted`;
    const options = [
      `IdentityFile=${user.identity}`,
      ...['IdentitiesOnly=yes', 'BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'],
      ...['LogLevel=ERROR', 'idmap=user'],
    ].flatMap((option) => ['-o', option]);
    await run('mkdir', [mounted]);
    const mount = await command('sshfs', [
      ...options,
      ...['-p', String(gateway.sftpPort), `${user.name}@127.0.0.1:/`, mounted],
    ]);
    if (mount.kind === 'failed') throw new Error(mount.output);
    const at = (path: string) => `${mounted}${path}`;
    const python = (script: string, ...args: readonly string[]) =>
      command('python3', ['-c', script, ...args]);
    const open = 'import os, sys\nf = os.open(sys.argv[1], os.O_RDWR)\n';
    return {
      closesLate: true,
      put: (local, remote) => command('cp', ['--sparse=never', local, at(remote)]),
      get: (remote, local) => command('cp', [at(remote), local]),
      rename: (from, to) => command('mv', ['-T', at(from), at(to)]),
      replace: (from, to) => command('mv', ['-f', '-T', at(from), at(to)]),
      mkdir: (path) => command('mkdir', [at(path)]),
      rmdir: (path) => command('rmdir', [at(path)]),
      putTree: (local, remote) => command('cp', ['-r', local, at(remote)]),
      getTree: (remote, local) => command('cp', ['-r', at(remote), local]),
      putTimes: (local, remote) => command('cp', ['--preserve=timestamps', local, at(remote)]),
      chmod: (mode, path) => command('chmod', [mode, at(path)]),
      append: (local, remote) => command('sh', ['-c', 'cat "$0" >> "$1"', local, at(remote)]),
      change: (remote, offset, text) =>
        python(
          `${open}os.pwrite(f, sys.argv[3].encode(), int(sys.argv[2]))\nos.close(f)`,
          at(remote),
          offset,
          text,
        ),
      truncate: (remote, size) => command('truncate', ['-s', size, at(remote)]),
      symlink: (target, link) => command('ln', ['-s', target, at(link)]),
      df: (path) => command('df', [at(path)]),
      close: async () => {
        await run('fusermount3', ['-u', '-z', mounted]);
      },
    };
  },
};
