import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/command.js';
import type { Client, Peer } from './cells.js';
import { command, sessionOf } from './command-session.js';

const login = ({ gateway, fingerprint, password }: Peer) => [
  ...['-P', String(gateway.sftpPort), '-batch', '-hostkey', fingerprint, '-pw', password],
];

async function puttyVersion(program: string): Promise<string> {
  const { stdout } = await run(program, ['-V']);
  return /Release (\S+)/.exec(stdout)?.[1] ?? stdout;
}

/** PuTTY quotes with double quotes, and doubles them inside. */
const quoted = (path: string) => `"${path.replaceAll('"', '""')}"`;

export const psftp: Client = {
  name: 'psftp',
  needs: ['psftp'],
  version: () => puttyVersion('psftp'),
  async start(peer, work) {
    const commands = join(work, 'commands');
    const batch = (...lines: readonly string[]) => {
      writeFileSync(commands, `${lines.join('\n')}\n`);
      return command('psftp', [...login(peer), '-b', commands, `${peer.user.name}@127.0.0.1`]);
    };
    return sessionOf({
      put: (local, remote) => batch(`put ${quoted(local)} ${quoted(remote)}`),
      get: (remote, local) => batch(`get ${quoted(remote)} ${quoted(local)}`),
      resumePut: (local, remote) => batch(`reput ${local} ${remote}`),
      resumeGet: (remote, local) => batch(`reget ${remote} ${local}`),
      rename: (from, to) => batch(`mv ${from} ${to}`),
      replace: (from, to) => batch(`mv ${from} ${to}`),
      mkdir: (path) => batch(`mkdir ${path}`),
      rmdir: (path) => batch(`rmdir ${path}`),
      putTree: (local, remote) => batch(`put -r ${local} ${remote}`),
      getTree: (remote, local) => batch(`get -r ${remote} ${local}`),
      chmod: (mode, path) => batch(`chmod ${mode} ${path}`),
    });
  },
};

export const pscp: Client = {
  name: 'pscp',
  needs: ['pscp'],
  version: () => puttyVersion('pscp'),
  async start(peer) {
    const copy = (...paths: readonly string[]) => command('pscp', ['-q', ...login(peer), ...paths]);
    const there = (path: string) => `${peer.user.name}@127.0.0.1:${path}`;
    return sessionOf({
      put: (local, remote) => copy(local, there(remote)),
      get: (remote, local) => copy(there(remote.replaceAll(/([*?[\]\\])/g, '\\$1')), local),
      // A directory goes into one that exists, under its own name.
      putTree: (local, remote) => copy('-r', local, there(remote.slice(0, remote.lastIndexOf('/')))),
      getTree: (remote, local) => copy('-r', there(remote), local),
      putTimes: (local, remote) => copy('-p', local, there(remote)),
    });
  },
};
