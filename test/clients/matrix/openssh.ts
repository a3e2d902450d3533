import { dirname, join } from 'node:path';
import { openSsh10 } from '../../ssh/client-programs.js';
import { run } from '../../support/command.js';
import type { Client, Peer } from './cells.js';
import { command, sessionOf } from './command-session.js';

const account = ({ user }: Peer) => `${user.name}@127.0.0.1`;

/** Quotes a path for a line of sftp's batch file. A `?` in it is a pattern, which matches itself. */
const quoted = (path: string) => `"${path.replaceAll(/(["\\])/g, '\\$1')}"`;

async function sshVersion(program: string): Promise<string> {
  const { stderr } = await run(program, ['-V']);
  return /OpenSSH_(\S+?),?\s/.exec(stderr)?.[1] ?? stderr;
}

/** OpenSSH's sftp, one batch for each step. */
export function opensshSftp(name: string, sftp: string, ssh: string): Client {
  return {
    name,
    needs: [sftp, ssh],
    version: () => sshVersion(ssh),
    async start(peer) {
      const args = [
        '-q',
        '-b',
        '-',
        ...peer.user.sshOptions,
        '-P',
        String(peer.gateway.sftpPort),
        account(peer),
      ];
      const batch = (...lines: readonly string[]) => command(sftp, args, { input: `${lines.join('\n')}\n` });
      return sessionOf({
        put: (local, remote) => batch(`put ${quoted(local)} ${quoted(remote)}`),
        get: (remote, local) => batch(`get ${quoted(remote)} ${quoted(local)}`),
        resumePut: (local, remote) => batch(`reput ${local} ${remote}`),
        resumeGet: (remote, local) => batch(`reget ${remote} ${local}`),
        rename: (from, to) => batch(`rename ${from} ${to}`),
        replace: (from, to) => batch(`rename ${from} ${to}`),
        mkdir: (path) => batch(`mkdir ${path}`),
        rmdir: (path) => batch(`rmdir ${path}`),
        putTree: (local, remote) => batch(`put -R ${local} ${remote}`),
        getTree: (remote, local) => batch(`get -R ${remote} ${local}`),
        putTimes: (local, remote) => batch(`put -p ${local} ${remote}`),
        chmod: (mode, path) => batch(`chmod ${mode} ${path}`),
        symlink: (target, link) => batch(`cd ${dirname(link)}`, `symlink ${target} ${link}`),
        df: (path) => batch(`df ${path}`),
      });
    },
  };
}

/** OpenSSH's scp over SFTP. */
export function opensshScp(name: string, scp: string, ssh: string): Client {
  return {
    name,
    needs: [scp, ssh],
    version: () => sshVersion(ssh),
    async start(peer) {
      const copy = (...paths: readonly string[]) =>
        command(scp, ['-q', '-s', ...peer.user.sshOptions, '-P', String(peer.gateway.sftpPort), ...paths]);
      const there = (path: string) => `${account(peer)}:${path}`;
      // scp takes a path to read from as a pattern.
      const plain = (path: string) => there(path.replaceAll(/([*?[\\])/g, '\\$1'));
      return sessionOf({
        put: (local, remote) => copy(local, there(remote)),
        get: (remote, local) => copy(plain(remote), local),
        putTree: (local, remote) => copy('-r', local, there(remote)),
        getTree: (remote, local) => copy('-r', there(remote), local),
        putTimes: (local, remote) => copy('-p', local, there(remote)),
      });
    },
  };
}

export const openSsh10Scp = join(dirname(openSsh10.sftp), 'scp');
