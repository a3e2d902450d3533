import { join } from 'node:path';
import { type Finished, run } from '../support/command.js';
import { programs } from './client-programs.js';
import { openSshOptions } from './client-table.js';
import { type TestGateway, testPassword } from './test-gateway.js';

/** A client that creates links. */
export interface LinkingClient {
  readonly name: string;
  /** Programs, and files by their absolute path. */
  readonly needs: readonly string[];
  /** Creates `/local/<link>` with the target `target`, which does not exist yet. */
  link(server: TestGateway, link: string, target: string): Promise<Finished>;
}

const python = '/usr/bin/python3';
const jsch = '/usr/share/java/jsch.jar';
const phpseclib = '/usr/share/php/phpseclib3/autoload.php';
const portOf = (server: TestGateway) => String(server.gateway.sftpPort);

const paramiko = `
import sys, paramiko
port, identity, link, target = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.connect(username="carol", pkey=paramiko.Ed25519Key.from_private_key_file(identity))
paramiko.SFTPClient.from_transport(transport).symlink(target, link)
transport.close()
`;

const asyncssh = `
import asyncio, sys, warnings
warnings.simplefilter("ignore")
import asyncssh
port, identity, link, target = sys.argv[1:]
async def main():
    async with asyncssh.connect("127.0.0.1", port=int(port), username="carol", client_keys=[identity], known_hosts=None) as connection:
        async with connection.start_sftp_client() as sftp:
            await sftp.symlink(target, link)
asyncio.run(main())
`;

const netSftp = `
require 'net/sftp'
port, identity, link, target = ARGV
options = { port: port.to_i, keys: [identity], keys_only: true, verify_host_key: :never, config: false, non_interactive: true }
Net::SFTP.start('127.0.0.1', 'carol', **options) { |sftp| sftp.symlink!(link, target) }
`;

const phpClient = `
require_once 'phpseclib3/autoload.php';
[, $port, $identity, $link, $target] = $argv;
$sftp = new phpseclib3\\Net\\SFTP('127.0.0.1', (int) $port, 60);
$sftp->login('carol', phpseclib3\\Crypt\\PublicKeyLoader::load(file_get_contents($identity)));
exit($sftp->symlink($target, $link) ? 0 : 1);
`;

/** A script with the arguments PORT LOGIN LINK TARGET. */
function script(program: string, args: readonly string[], login?: string): LinkingClient['link'] {
  return (server, link, target) =>
    run(program, [...args, portOf(server), login ?? server.user.identity, `/local/${link}`, target]);
}

function lftp(server: TestGateway, link: string, target: string): Promise<Finished> {
  const connect = `ssh -a -x ${openSshOptions(server).join(' ')}`;
  const commands = [
    'set cmd:fail-exit yes',
    `set sftp:connect-program "${connect}"`,
    `open -u carol,x sftp://127.0.0.1:${portOf(server)}`,
    'cd /local',
    `ln -s ${target} ${link}`,
  ];
  return run('lftp', ['-c', commands.join('; ')]);
}

async function sshfs(server: TestGateway, link: string, target: string): Promise<Finished> {
  const mounted = join(server.gateway.work, 'links');
  const options = [`IdentityFile=${server.user.identity}`, `UserKnownHostsFile=${server.knownHosts}`];
  const flags = [...options, 'IdentitiesOnly=yes', 'BatchMode=yes'].flatMap((option) => ['-o', option]);
  await run('mkdir', [mounted]);
  const mount = await run('sshfs', ['-p', portOf(server), ...flags, 'carol@127.0.0.1:/local', mounted]);
  if (mount.code !== 0) return mount;
  try {
    return await run('ln', ['-s', target, join(mounted, link)]);
  } finally {
    await run('fusermount3', ['-u', mounted]);
  }
}

/** The clients, each with the order that it sends to this server. */
export const linkingClients: readonly (LinkingClient & { readonly order: 'link first' | 'target first' })[] =
  [
    {
      name: 'OpenSSH',
      order: 'target first',
      needs: ['sftp'],
      link: (server, link, target) =>
        run('sftp', [...openSshOptions(server), '-P', portOf(server), '-b', '-', 'carol@127.0.0.1'], {
          input: `symlink ${target} /local/${link}\n`,
        }),
    },
    { name: 'lftp (over ssh)', order: 'target first', needs: ['lftp', 'ssh'], link: lftp },
    { name: 'sshfs (over ssh)', order: 'target first', needs: ['sshfs', 'fusermount3', 'ssh'], link: sshfs },
    {
      name: 'curl (libssh2)',
      order: 'target first',
      needs: ['curl'],
      link: (server, link, target) => {
        const login = ['-s', '-S', '-k', '-u', `carol:${testPassword}`];
        const url = `sftp://127.0.0.1:${portOf(server)}/local/`;
        return run('curl', [...login, '-l', '-Q', `symlink ${target} /local/${link}`, url]);
      },
    },
    {
      name: 'paramiko',
      order: 'target first',
      needs: [python, '/usr/lib/python3/dist-packages/paramiko'],
      link: script(python, ['-c', paramiko]),
    },
    {
      name: 'JSch',
      order: 'target first',
      needs: ['java', 'javac', jsch],
      link: script('java', ['-cp', jsch, join(programs, 'JschLink.java')], testPassword),
    },
    {
      name: 'asyncssh',
      order: 'link first',
      needs: [python, '/usr/lib/python3/dist-packages/asyncssh'],
      link: script(python, ['-c', asyncssh]),
    },
    {
      name: 'libssh',
      order: 'link first',
      needs: [python, '/usr/lib/x86_64-linux-gnu/libssh.so.4'],
      link: script(python, [join(programs, 'libssh_link.py')], testPassword),
    },
    {
      name: 'phpseclib',
      order: 'link first',
      needs: ['php', phpseclib],
      link: script('php', ['-r', phpClient, '--']),
    },
    {
      name: 'Net::SFTP (Ruby)',
      order: 'link first',
      needs: ['ruby', '/usr/share/rubygems-integration/all/gems/net-sftp-4.0.0/lib/net/sftp.rb'],
      link: script('ruby', ['-e', netSftp]),
    },
  ];
