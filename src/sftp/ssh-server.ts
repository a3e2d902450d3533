import {
  type FailedConnection,
  parseHostKey,
  type SshConnection,
  SshServer,
  type SshServerLimits,
  type SshServerOptions,
} from '@sftpgw/ssh';
import type { Call, Logger } from '../model/call.js';
import type { UserLogins } from '../model/users.js';
import { authenticatorOf } from './authenticator.js';
import type { ByteStream } from './byte-stream.js';
import { ChannelStream } from './channel-stream.js';
import type { SftpLimits } from './limits.js';
import { SshSlabs } from './slab-pool.js';
import { sshLog } from './ssh-log.js';

/** Software version in the identification, RFC 4253 section 4.2. */
const softwareVersion = 'sftpgw';

const refusalText = 'This server speaks SFTP only: use sftp, or scp without -O (its SFTP mode).';

/** A login that succeeded. */
export interface SftpLogin {
  readonly username: string;
  readonly address: string;
  /** The methods that succeeded, such as `publickey` or `publickey,keyboard-interactive`. */
  readonly methods: string;
  /** Fingerprint of the key that was used; null for a login without one. */
  readonly keyFingerprint: string | null;
  /** Key id of the certificate that was used; null for a login without one. */
  readonly certificate: string | null;
}

/** A list of addresses and networks. */
export interface AddressList {
  contains(address: string): boolean;
}

/** The part of the login defence that the SSH server uses. */
export interface SshDefence {
  /** Returns why an address may not connect, null if it may. */
  admit(address: string): string | null;
  loggedIn(address: string, username: string): void;
  connectionFailed(connection: FailedConnection): void;
}

export interface SshServerSettings {
  readonly host: string;
  /** 0 selects a free one. */
  readonly port: number;
  /** Private keys in OpenSSH's format, the preferred first. */
  readonly hostKeys: readonly string[];
  readonly limits: SftpLimits;
  readonly log: Logger;
  readonly users: UserLogins;
  /** Limits who may connect. Null for no limits beyond `limits`. */
  readonly defence: SshDefence | null;
  /** The proxies, whose connections begin with a PROXY header. */
  readonly proxyFrom: AddressList | null;
  /** Returns the call of one connection's login. */
  readonly callFor: (address: string, signal: AbortSignal) => Call;
  /**
   * Called for each SFTP channel. No data arrives before `stream.start`. `refuse` sends the client a sentence
   * and closes the channel. The promise settles when the session has released its resources. It never
   * rejects.
   */
  readonly onSftp: (
    login: SftpLogin,
    stream: ByteStream,
    refuse: (sentence: string) => void,
  ) => Promise<void>;
}

/** Starts the SSH server. Rejects with the system's error if the port is not available. */
export function startSshServer(settings: SshServerSettings): Promise<SshServer> {
  const { host, port, hostKeys, limits, log, users, defence, proxyFrom, callFor, onSftp } = settings;
  return SshServer.listen(
    {
      hostKeys: hostKeys.map((key) => parseHostKey(key)),
      ident: softwareVersion,
      authenticator: authenticatorOf(users, callFor),
      onSession: (connection, channel, request, refuse) => {
        if (request.kind !== 'subsystem') return refuse(stderrText(refusalText));
        const stream = new ChannelStream(channel, connection.clientSoftware);
        return onSftp(loginOf(connection), stream, (sentence) => refuse(stderrText(sentence)));
      },
      refusalText: stderrText(refusalText),
      log: sshLog(log),
      limits: sshLimits(limits),
      slabs: new SshSlabs(),
      ...(proxyFrom === null ? {} : { proxyFrom }),
      ...(defence === null ? {} : defenceHooks(defence)),
    },
    port,
    host,
  );
}

function defenceHooks(
  defence: SshDefence,
): Pick<SshServerOptions, 'admit' | 'onLogin' | 'onFailedConnection'> {
  return {
    admit: (address) => defence.admit(address),
    onLogin: ({ address, login }) => defence.loggedIn(address, login.username),
    onFailedConnection: (connection) => defence.connectionFailed(connection),
  };
}

/** Returns a sentence for stderr. The package adds the line end. */
function stderrText(sentence: string): string {
  return `sftpgw: ${sentence}`;
}

function loginOf({ login, address }: SshConnection): SftpLogin {
  const key = login.keys[0];
  return {
    username: login.username,
    address,
    methods: login.methods.join(','),
    keyFingerprint: key?.fingerprint ?? null,
    certificate: key?.certificate?.keyId ?? null,
  };
}

function sshLimits(limits: SftpLimits): SshServerLimits {
  return {
    transport: { loginTimeoutMs: limits.loginTimeoutMs, rekeyBytes: limits.rekeyAfterBytes },
    authentication: { maxAuthAttempts: limits.maxLoginAttempts },
    connection: {
      maxChannels: limits.maxChannelsPerConnection,
      keepAliveIntervalMs: limits.keepAliveIntervalMs,
      maxMissedKeepAlives: limits.keepAliveMaxMissed,
    },
    server: {
      unauthenticatedStart: Math.floor(limits.maxUnauthenticated / 2),
      maxUnauthenticated: limits.maxUnauthenticated,
      maxUnauthenticatedPerSource: limits.maxUnauthenticatedPerAddress,
      maxSessions: limits.maxSessions,
      maxSessionsPerSource: limits.maxSessionsPerAddress,
      maxSessionsPerUser: limits.maxSessionsPerUser,
      idleTimeoutMs: limits.idleTimeoutMs,
      maxSessionMs: limits.maxSessionMs,
    },
  };
}
