import { hour, type Setting, second, setting } from './setting.js';
import {
  absoluteFile,
  count,
  duration,
  type ListenAddress,
  listenAddress,
  networkList,
  optionalListenAddress,
  yesNo,
} from './values.js';

/** Returns port 22 for the root `/`. Any other root, such as a trial, gets a port that needs no privileges. */
function sftpListenDefault(root: string): ListenAddress {
  return root === '/' ? { host: '0.0.0.0', port: 22 } : { host: '127.0.0.1', port: 2222 };
}

export const sftpListen = {
  name: 'sftp.listen',
  kind: listenAddress,
  defaultFor: sftpListenDefault,
  description: 'The address for SFTP clients.',
} satisfies Setting<ListenAddress>;

/** The settings of the SFTP server, except its address. */
export const sftpSettings = {
  sftpPublicAddress: setting(
    'sftp.public.address',
    optionalListenAddress,
    null,
    'The address that partners use, for `sftpgw user sheet`. Empty: the name of this machine and the port of sftp.listen.',
  ),
  sftpLoginTimeoutMs: setting(
    'sftp.login.timeout',
    duration(second, hour),
    60 * second,
    'Timeout for logging in after a client connects.',
  ),
  sftpUserCaFile: setting(
    'sftp.user.ca.file',
    absoluteFile,
    null,
    'A file with the public keys of certificate authorities, one a line. Their certificates log in as the users whose names they contain.',
  ),
  sftpRevokedKeysFile: setting(
    'sftp.revoked.keys.file',
    absoluteFile,
    null,
    'A file with revoked public keys and certificates: a list of `ssh-keygen -k`, or text with one public key a line. While it cannot be read, no key logs in.',
  ),
  sftpKeepaliveMs: setting(
    'sftp.keepalive',
    duration(second, hour),
    30 * second,
    'Idle time of a client after which the gateway sends keep-alive requests. A client that does not answer them is disconnected.',
  ),
  sftpSessionsMax: setting(
    'sftp.sessions.max',
    count(1, 100_000),
    1000,
    'Maximum connections with a login at the same time; with `cluster=yes`, on all nodes together.',
  ),
  sftpSessionsPerUser: setting(
    'sftp.sessions.per.user',
    count(1, 100_000),
    100,
    'Maximum connections of one user at the same time; with `cluster=yes`, on all nodes together.',
  ),
  sftpSessionsPerAddress: setting(
    'sftp.sessions.per.address',
    count(1, 100_000),
    200,
    'Maximum connections with a login from one address at the same time; with `cluster=yes`, on all nodes together.',
  ),
  sftpHandlesPerSession: setting(
    'sftp.handles.per.session',
    count(8, 65_536),
    256,
    'Maximum open files and directories in one session.',
  ),
  sftpRequestsInFlight: setting(
    'sftp.requests.in.flight',
    count(8, 4096),
    128,
    'Maximum requests of one session that are processed in parallel. More requests wait in the network.',
  ),
  sftpAllowFrom: setting(
    'sftp.allow.from',
    networkList,
    null,
    'The addresses that may connect, such as 192.0.2.0/24,2001:db8::/32,!192.0.2.7; ! excludes. Empty: all.',
  ),
  sftpDenyFrom: setting(
    'sftp.deny.from',
    networkList,
    null,
    'The addresses that may not connect, also if sftp.allow.from has them.',
  ),
  sftpProxyFrom: setting(
    'sftp.proxy.from',
    networkList,
    null,
    'The proxies in front of the gateway. Their connections must begin with a PROXY header (version 1 or 2), which names the address of the client; those of others must not.',
  ),
  sftpBanAfter: setting(
    'sftp.ban.after',
    count(0, 100_000),
    100,
    'Penalty at which an address is banned. A wrong password adds 5, other failed connections add 1 to 10; after 10 minutes the count starts again. 0 turns bans off.',
  ),
  sftpBanTimeMs: setting(
    'sftp.ban.time',
    duration(second, 30 * 24 * hour),
    600 * second,
    'Duration of the first ban of an address. Each further one within a day lasts twice as long, up to a day.',
  ),
  sftpBanExempt: setting(
    'sftp.ban.exempt',
    networkList,
    null,
    'Addresses whose refusals are not delayed, and that failed logins never ban.',
  ),
  sftpIdleTimeoutMs: setting(
    'sftp.idle.timeout',
    duration(0, 30 * 24 * hour),
    0,
    'Time without requests after which a session ends. Sessions with an open file or a running request are not idle. 0s: no limit.',
  ),
  sftpSessionMaxMs: setting(
    'sftp.session.max',
    duration(0, 365 * 24 * hour),
    0,
    'Age at which a session ends, also during a transfer. 0s: no limit.',
  ),
  sftpStdio: setting(
    'sftp.stdio',
    yesNo,
    false,
    'Whether users of the same name on this machine may connect with `sftpgw stdio`, as a subsystem of sshd.',
  ),
};
