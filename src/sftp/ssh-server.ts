import type { Socket } from 'node:net';
import {
  type FailedConnection,
  parseHostKey,
  type SessionLogin,
  type SessionRefusal,
  type SessionSlots,
  type SshConnection,
  SshServer,
  type SshServerLimits,
  type SshServerOptions,
} from '@sftpgw/ssh';
import type { LiveSession } from '../live/live-session.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { Call, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { LoginFacts } from '../model/live.js';
import type { UserLogins } from '../model/users/logins.js';
import { authenticatorOf } from './authenticator.js';
import type { ByteStream } from './byte-stream.js';
import { ChannelStream } from './channel-stream.js';
import type { SftpLimits } from './limits.js';
import type { SessionAudit } from './session-audit.js';
import { SshSlabs } from './slab-pool.js';
import { sshLog } from './ssh-log.js';

/** Software version in the identification, RFC 4253 section 4.2. */
const softwareVersion = 'sftpgw';

const disconnectText = 'an administrator ended the session';

const refusalText = 'This server speaks SFTP only: use sftp, or scp without -O (its SFTP mode).';

/** A channel of a session. */
export interface SftpLogin {
  readonly session: LiveSession;
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

/** Connections that another process has accepted. */
export interface IncomingConnections {
  /** Passes each connection to `accept`, before any data is read from it. */
  onConnection(accept: (socket: Socket) => void): void;
}

export interface SshServerSettings {
  readonly host: string;
  /** 0 selects a free one. */
  readonly port: number;
  /** Serves these connections instead of listening. */
  readonly incoming?: IncomingConnections;
  /** A listening socket that replaces `host` and `port`; null for none. */
  readonly listenFd: number | null;
  /** Private keys in OpenSSH's format, the preferred first. */
  readonly hostKeys: readonly string[];
  readonly limits: SftpLimits;
  readonly log: Logger;
  readonly users: UserLogins;
  /** Limits who may connect. Null for no limits beyond `limits`. */
  readonly defence: SshDefence | null;
  /** The current sessions, with their bounds. */
  readonly live: LiveSessions;
  /** Learns who logs in and who is refused. */
  readonly audit: SessionAudit;
  readonly entropy: Entropy;
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
export async function startSshServer(settings: SshServerSettings): Promise<SshServer> {
  const { host, port, listenFd, incoming } = settings;
  const options = optionsOf(settings);
  if (incoming === undefined) {
    return listenFd === null
      ? await SshServer.listen(options, port, host)
      : await SshServer.listenOn(options, listenFd);
  }
  const server = SshServer.withoutListener(options);
  incoming.onConnection((socket) => server.acceptSocket(socket));
  return server;
}

function optionsOf(settings: SshServerSettings): SshServerOptions {
  const { hostKeys, limits, log, users, proxyFrom, callFor, onSftp } = settings;
  const sessions = new SshSessions(settings);
  return {
    hostKeys: hostKeys.map((key) => parseHostKey(key)),
    ident: softwareVersion,
    authenticator: authenticatorOf(users, callFor),
    onSession: (connection, channel, request, refuse) => {
      if (request.kind !== 'subsystem') return refuse(stderrText(refusalText));
      const stream = new ChannelStream(channel, connection.clientSoftware);
      const session = sessions.of(connection);
      return onSftp({ session }, stream, (sentence) => refuse(stderrText(sentence)));
    },
    refusalText: stderrText(refusalText),
    log: sshLog(log),
    limits: sshLimits(limits),
    slabs: new SshSlabs(),
    ...(proxyFrom === null ? {} : { proxyFrom }),
    ...loginHooks(settings),
    sessions,
  };
}

function loginHooks({
  defence,
  audit,
}: SshServerSettings): Pick<
  SshServerOptions,
  'admit' | 'onLogin' | 'onFailedConnection' | 'onSessionRefused'
> {
  return {
    admit: (address) => {
      const refusal = defence?.admit(address) ?? null;
      if (refusal !== null) audit.refused({ address, username: null, rule: 'address', reason: refusal });
      return refusal;
    },
    onLogin: ({ address, login }) => defence?.loggedIn(address, login.username),
    onFailedConnection: (connection) => {
      defence?.connectionFailed(connection);
      audit.failed(connection);
    },
    onSessionRefused: ({ address, login }, reason) =>
      audit.refused({ address, username: login.username, rule: 'sessions', reason }),
  };
}

/** Connects the slots of the SSH server with the registry of sessions. */
class SshSessions implements SessionSlots {
  readonly #settings: Pick<SshServerSettings, 'live' | 'audit' | 'entropy'>;
  readonly #sessions = new WeakMap<SshConnection, LiveSession>();

  constructor(settings: Pick<SshServerSettings, 'live' | 'audit' | 'entropy'>) {
    this.#settings = settings;
  }

  get count(): number {
    return this.#settings.live.count;
  }

  /** The session of a connection that has a slot. */
  of(connection: SshConnection): LiveSession {
    const session = this.#sessions.get(connection);
    if (session === undefined) throw new Fault('bug', 'the connection has no session');
    return session;
  }

  take({ source, connection }: SessionLogin): SessionRefusal | (() => void) {
    if (connection === null) throw new Fault('bug', 'a session needs a connection');
    const { live, audit, entropy } = this.#settings;
    const opened = live.open({
      id: entropy.id(),
      login: loginOf(connection),
      source,
      disconnect: () => connection.disconnect(disconnectText),
    });
    if (typeof opened === 'string') return opened;
    this.#sessions.set(connection, opened);
    audit.loggedIn(opened);
    return () => {
      live.close(opened, source);
      audit.ended(opened);
    };
  }
}

/** Returns a sentence for stderr. The package adds the line end. */
function stderrText(sentence: string): string {
  return `sftpgw: ${sentence}`;
}

function loginOf({ login, address, clientSoftware: software, algorithms }: SshConnection): LoginFacts {
  const key = login.keys[0];
  return {
    protocol: 'sftp',
    username: login.username,
    address,
    methods: login.methods.join(','),
    keyFingerprint: key?.fingerprint ?? null,
    certificate: key?.certificate?.keyId ?? null,
    connection:
      algorithms === null
        ? null
        : {
            software,
            keyExchange: algorithms.kex.name,
            isPostQuantum: algorithms.kex.kind === 'mlkem768x25519',
            cipher: algorithms.clientToServer.cipher.name,
            mac: algorithms.clientToServer.mac?.name ?? null,
          },
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
      idleTimeoutMs: limits.idleTimeoutMs,
      maxSessionMs: limits.maxSessionMs,
    },
  };
}
