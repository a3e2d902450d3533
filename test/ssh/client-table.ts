import { join } from 'node:path';
import { type CommandOptions, type Finished, run } from '../support/command.js';
import { programs } from './client-programs.js';
import { type TestGateway, testPassword } from './test-gateway.js';

/** The files of one run. A client puts `upload` to `remote`, lists /uploads and gets `remote` to `download`. */
export interface Transfer {
  readonly server: TestGateway;
  readonly upload: string;
  readonly remote: string;
  readonly download: string;
}

export interface ClientProgram {
  readonly name: string;
  /** Programs, and files by their absolute path. */
  readonly needs: readonly string[];
  /** Runs the client. Its output contains the listing. */
  transfer(transfer: Transfer): Promise<Finished>;
}

const address = 'carol@127.0.0.1';
const batch = ({ upload, remote, download }: Transfer) =>
  `put ${upload} ${remote}\nls /uploads\nget ${remote} ${download}\n`;
const portOf = ({ server }: Transfer) => String(server.gateway.sftpPort);

/** The options of an OpenSSH client that prints its warnings. */
export function openSshOptions({ user, knownHosts }: TestGateway): string[] {
  const options = ['IdentitiesOnly=yes', 'BatchMode=yes', `UserKnownHostsFile=${knownHosts}`];
  return ['-F', 'none', '-i', user.identity, ...options.flatMap((option) => ['-o', option])];
}

/** OpenSSH's sftp over the connection of another program. */
function sftpOver(
  command: (transfer: Transfer) => readonly string[],
  options: CommandOptions = {},
): ClientProgram['transfer'] {
  return (transfer) =>
    run('sftp', ['-D', command(transfer).join(' '), '-b', '-'], { ...options, input: batch(transfer) });
}

/** A script that takes PORT USER LOGIN UPLOAD REMOTE DOWNLOAD. */
function script(
  program: string,
  args: readonly string[],
  login: (server: TestGateway) => string = ({ user }) => user.identity,
): ClientProgram['transfer'] {
  return (transfer) => {
    const { server, upload, remote, download } = transfer;
    return run(program, [...args, portOf(transfer), 'carol', login(server), upload, remote, download]);
  };
}

function puttyLogin({ server }: Transfer): string[] {
  const fingerprint = server.fingerprints.get('ssh-ed25519') ?? '';
  return ['-P', String(server.gateway.sftpPort), '-batch', '-hostkey', fingerprint, '-pw', testPassword];
}

const python = '/usr/bin/python3';

/** Clients that are not in test/clients/matrix, each with the library that speaks SSH in its name. */
export const clientPrograms: readonly ClientProgram[] = [
  {
    name: 'plink (PuTTY) under sftp',
    needs: ['plink', 'sftp'],
    transfer: sftpOver((transfer) => [
      'plink',
      ...puttyLogin(transfer).map((argument) => `'${argument}'`),
      '-s',
      address,
      'sftp',
    ]),
  },
  {
    name: 'dbclient (Dropbear) under sftp',
    needs: ['dbclient', 'sftp'],
    transfer: sftpOver(
      (transfer) => ['dbclient', '-y', '-y', '-p', portOf(transfer), '-s', address, 'sftp'],
      {
        env: { ...process.env, DROPBEAR_PASSWORD: testPassword },
      },
    ),
  },
  {
    name: 'libssh',
    needs: [python, '/usr/lib/x86_64-linux-gnu/libssh.so.4'],
    transfer: script(python, [join(programs, 'libssh_client.py')], () => testPassword),
  },
];
