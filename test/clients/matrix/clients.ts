import { join } from 'node:path';
import { openSsh10 } from '../../ssh/client-programs.js';
import { run } from '../../support/command.js';
import { duplicity, restic } from './backup-programs.js';
import type { Client, Peer } from './cells.js';
import { openSsh10Scp, opensshScp, opensshSftp } from './openssh.js';
import { pscp, psftp } from './putty.js';
import { scriptSession } from './script-session.js';
import { curl, lftp, rclone, sshfs } from './transfer-programs.js';

const programs = join(import.meta.dirname, 'programs');
const python = '/usr/bin/python3';
const pythonModules = '/usr/lib/python3/dist-packages';
const jsch = '/usr/share/java/jsch.jar';
const rubyGem = '/usr/share/rubygems-integration/all/gems/net-sftp-4.0.0/lib/net/sftp.rb';
const curl13 = join(process.env['CURL_ROOT'] ?? '/opt/curl13', 'bin/curl');

interface Script {
  readonly name: string;
  readonly needs: readonly string[];
  /** Command that prints the version of the library. */
  readonly version: readonly [string, ...string[]];
  /** Command that runs the driver. PORT, USER and the login follow. */
  readonly driver: readonly [string, ...string[]];
  readonly login?: (peer: Peer) => string;
}

/** A library with a driver in `programs/`. */
function library({ name, needs, version, driver, login }: Script): Client {
  return {
    name,
    needs: [driver[0], ...needs],
    version: async () => (await run(version[0], version.slice(1))).stdout.trim().split('\n').at(-1) ?? '',
    async start(peer, work) {
      const { gateway, user } = peer;
      const [program, ...args] = driver;
      const secret = login?.(peer) ?? user.identity;
      return scriptSession(program, [...args, String(gateway.sftpPort), user.name, secret], {
        HOME: work,
        LANG: 'C.UTF-8',
        PYTHONPATH: programs,
        PYTHONWARNINGS: 'ignore',
      });
    },
  };
}

const dpkgVersion = (name: string) =>
  ['sh', '-c', `dpkg-query -s ${name} | sed -n 's/^Version: //p'`] as const;
const withPassword = ({ password }: Peer) => password;

/** The rows of the table. */
export const clients: readonly Client[] = [
  opensshSftp('OpenSSH sftp', 'sftp', 'ssh'),
  opensshScp('OpenSSH scp', 'scp', 'ssh'),
  opensshSftp('OpenSSH 10 sftp', openSsh10.sftp, openSsh10.ssh),
  opensshScp('OpenSSH 10 scp', openSsh10Scp, openSsh10.ssh),
  psftp,
  pscp,
  library({
    name: 'FileZilla (fzsftp)',
    needs: ['fzsftp'],
    version: dpkgVersion('filezilla'),
    driver: [python, join(programs, 'fzsftp_driver.py')],
    login: withPassword,
  }),
  lftp,
  curl('curl (libssh2 1.10)', 'curl'),
  curl('curl (libssh2 1.11)', curl13),
  rclone,
  sshfs,
  library({
    name: 'paramiko',
    needs: [`${pythonModules}/paramiko`],
    version: dpkgVersion('python3-paramiko'),
    driver: [python, join(programs, 'paramiko_driver.py')],
  }),
  library({
    name: 'asyncssh',
    needs: [`${pythonModules}/asyncssh`],
    version: dpkgVersion('python3-asyncssh'),
    driver: [python, join(programs, 'asyncssh_driver.py')],
  }),
  library({
    name: 'JSch',
    needs: ['javac', jsch],
    version: dpkgVersion('libjsch-java'),
    driver: ['java', '-cp', jsch, join(programs, 'JschDriver.java')],
    login: withPassword,
  }),
  library({
    name: 'phpseclib',
    needs: ['/usr/share/php/phpseclib3/autoload.php'],
    version: dpkgVersion('php-phpseclib3'),
    driver: ['php', join(programs, 'phpseclib_driver.php')],
  }),
  library({
    name: 'Net::SFTP::Foreign (Perl)',
    needs: ['/usr/share/perl5/Net/SFTP/Foreign.pm', 'ssh'],
    version: dpkgVersion('libnet-sftp-foreign-perl'),
    driver: ['/usr/bin/perl', join(programs, 'net_sftp_foreign_driver.pl')],
  }),
  library({
    name: 'Net::SFTP (Ruby)',
    needs: [rubyGem],
    version: dpkgVersion('ruby-net-sftp'),
    driver: ['ruby', join(programs, 'net_sftp_driver.rb')],
  }),
  library({
    name: 'ssh2-sftp-client (Node.js)',
    needs: [],
    version: [
      process.execPath,
      '-p',
      `JSON.parse(require('node:fs').readFileSync('node_modules/ssh2-sftp-client/package.json')).version`,
    ],
    driver: [process.execPath, join(programs, 'ssh2_sftp_client_driver.mjs')],
  }),
  restic,
  duplicity,
];
