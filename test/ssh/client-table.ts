import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, type Finished, run, runOk } from '../support/command.js';
import { openSsh10, programs } from './client-programs.js';
import { type TestGateway, testPassword } from './test-gateway.js';

/** The files of one run. A client puts `upload` to `remote`, lists /uploads and gets `remote` to `download`. */
export interface Transfer {
  readonly server: TestGateway;
  readonly directory: string;
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

function sftp(program: string): ClientProgram['transfer'] {
  return (transfer) => {
    const args = [...openSshOptions(transfer.server), '-P', portOf(transfer), '-b', '-', address];
    return run(program, args, { input: batch(transfer) });
  };
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

async function curl(transfer: Transfer): Promise<Finished> {
  const { upload, remote, download } = transfer;
  const url = `sftp://127.0.0.1:${portOf(transfer)}`;
  const login = ['-s', '-S', '-k', '-u', `carol:${testPassword}`];
  await runOk('curl', [...login, '-T', upload, `${url}${remote}`]);
  await runOk('curl', [...login, '-o', download, `${url}${remote}`]);
  return run('curl', [...login, '-l', `${url}/uploads/`]);
}

async function rclone(transfer: Transfer): Promise<Finished> {
  const { server, upload, remote, download } = transfer;
  const { identity } = server.user;
  const target = `:sftp,host=127.0.0.1,port=${portOf(transfer)},user=carol,key_file=${identity},shell_type=none:`;
  const options = ['--config', '/dev/null', '--retries', '1'];
  await runOk('rclone', [...options, 'copyto', upload, `${target}${remote}`]);
  await runOk('rclone', [...options, 'copyto', `${target}${remote}`, download]);
  return run('rclone', [...options, 'lsf', `${target}/uploads`]);
}

function lftp(transfer: Transfer): Promise<Finished> {
  const { server, upload, remote, download } = transfer;
  const connect = `ssh -a -x ${openSshOptions(server).join(' ')}`;
  const commands = [
    'set cmd:fail-exit yes',
    `set sftp:connect-program "${connect}"`,
    `open -u carol,x sftp://127.0.0.1:${portOf(transfer)}`,
    `put ${upload} -o ${remote}`,
    'cls -1 /uploads',
    `get ${remote} -o ${download}`,
  ];
  return run('lftp', ['-c', commands.join('; ')]);
}

async function sshfs(transfer: Transfer): Promise<Finished> {
  const { server, directory, upload, remote, download } = transfer;
  const mounted = join(directory, 'mounted');
  await runOk('mkdir', [mounted]);
  // sshfs passes on unknown options to ssh by name.
  const options = [`IdentityFile=${server.user.identity}`, `UserKnownHostsFile=${server.knownHosts}`];
  const flags = [...options, 'IdentitiesOnly=yes', 'BatchMode=yes'].flatMap((option) => ['-o', option]);
  await runOk('sshfs', ['-p', portOf(transfer), ...flags, `${address}:/`, mounted]);
  try {
    await runOk('cp', [upload, join(mounted, remote)]);
    await runOk('cp', [join(mounted, remote), download]);
    return await run('ls', [join(mounted, 'uploads')]);
  } finally {
    await runOk('fusermount3', ['-u', mounted]);
  }
}

const python = '/usr/bin/python3';
const jsch = '/usr/share/java/jsch.jar';
const phpseclib = '/usr/share/php/phpseclib3/autoload.php';

/** The clients, each with the library that speaks SSH in its name. */
export const clientPrograms: readonly ClientProgram[] = [
  { name: 'OpenSSH of the host', needs: ['sftp'], transfer: sftp('sftp') },
  { name: 'OpenSSH 10', needs: [openSsh10.sftp], transfer: sftp(openSsh10.sftp) },
  {
    name: 'psftp (PuTTY)',
    needs: ['psftp'],
    transfer: (transfer) => {
      const commands = join(transfer.directory, 'commands');
      writeFileSync(commands, batch(transfer));
      return run('psftp', [...puttyLogin(transfer), '-b', commands, address]);
    },
  },
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
  { name: 'curl (libssh2)', needs: ['curl'], transfer: curl },
  { name: 'lftp (over ssh)', needs: ['lftp', 'ssh'], transfer: lftp },
  { name: 'rclone (Go)', needs: ['rclone'], transfer: rclone },
  { name: 'sshfs (over ssh)', needs: ['sshfs', 'fusermount3', 'ssh'], transfer: sshfs },
  {
    name: 'paramiko',
    needs: [python, '/usr/lib/python3/dist-packages/paramiko'],
    transfer: script(python, [join(programs, 'paramiko_client.py')]),
  },
  {
    name: 'asyncssh',
    needs: [python, '/usr/lib/python3/dist-packages/asyncssh'],
    transfer: script(python, [join(programs, 'asyncssh_client.py')]),
  },
  {
    name: 'libssh',
    needs: [python, '/usr/lib/x86_64-linux-gnu/libssh.so.4'],
    transfer: script(python, [join(programs, 'libssh_client.py')], () => testPassword),
  },
  {
    name: 'JSch',
    needs: ['java', 'javac', jsch],
    transfer: script('java', ['-cp', jsch, join(programs, 'JschClient.java')], () => testPassword),
  },
  {
    name: 'phpseclib',
    needs: ['php', phpseclib],
    transfer: script('php', [join(programs, 'phpseclib_client.php')]),
  },
  {
    name: 'Net::SFTP (Ruby)',
    needs: ['ruby', '/usr/share/rubygems-integration/all/gems/net-sftp-4.0.0/lib/net/sftp.rb'],
    transfer: script('ruby', [join(programs, 'net_sftp_client.rb')]),
  },
];
