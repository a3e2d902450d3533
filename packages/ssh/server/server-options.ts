import type { CidrList } from '../addresses/cidr-list.js';
import type { AlgorithmOffer } from '../algorithms/negotiate.js';
import type { Refusal } from '../auth/auth-events.js';
import type { Authenticator } from '../auth/authenticator.js';
import type { AuthLimits } from '../auth/limits.js';
import type { ConnectionLimits } from '../connection/limits.js';
import type { SessionRequest, SshChannel } from '../connection/ssh-channel.js';
import type { HostKey } from '../host-keys/host-key.js';
import type { Clock } from '../transport/clock.js';
import type { TransportLog } from '../transport/events.js';
import type { SlabPool } from '../transport/layer.js';
import type { TransportLimits } from '../transport/limits.js';
import type { SessionRefusal, SessionSlots } from './admission.js';
import type { ServerLimits } from './limits.js';
import type { SshConnection } from './ssh-connection.js';

/** A connection that ended without a login, for limiters. */
export interface FailedConnection {
  readonly address: string;
  /** The user whose login the client requested. Null if it requested none. */
  readonly username: string | null;
  /** Refused requests by method, key queries included. */
  readonly refusals: Readonly<Record<string, number>>;
  /** The same by reason: the first 8 different ones. */
  readonly reasons: Readonly<Record<string, number>>;
  /** True if the client sent an identification. A scan of the port does not. */
  readonly isIdentified: boolean;
  /** `timeout`: the client did not log in within `loginTimeoutMs`. `fault`: it broke the protocol. */
  readonly cause: 'timeout' | 'fault' | 'other';
}

export interface SshServerLimits {
  readonly transport?: Partial<TransportLimits>;
  readonly authentication?: Partial<AuthLimits>;
  readonly connection?: Partial<ConnectionLimits>;
  readonly server?: Partial<ServerLimits>;
}

export interface SshServerOptions {
  /** The preferred first. */
  readonly hostKeys: readonly HostKey[];
  /** Name and version in the identification, such as `sftpgw_1.0`. */
  readonly ident: string;
  readonly authenticator: Authenticator;
  /**
   * Called for the subsystem `sftp` and for the command `scp`. The application calls `channel.start`, or `refuse`, which sends a
   * text and ends the channel. The returned promise settles when the application has released what the session held: until then
   * it counts against `maxChannels`. A rejection ends the channel and is logged.
   */
  onSession(
    connection: SshConnection,
    channel: SshChannel,
    request: SessionRequest,
    refuse: (text: string) => void,
  ): Promise<void> | void;
  /** Text for a client that requests a shell or another command. */
  readonly refusalText: string;
  readonly log: TransportLog;
  readonly limits?: SshServerLimits;
  readonly slabs?: SlabPool;
  readonly clock?: Clock;
  /** Replaces lists of the full offer of algorithms. */
  readonly offer?: Partial<AlgorithmOffer>;
  /** The proxies. Their connections must begin with a PROXY header, those of others must not. */
  readonly proxyFrom?: Pick<CidrList, 'contains'>;
  /** Returns why an address may not connect, null if it may. Called before the handshake, with the address of the PROXY header. */
  admit?(address: string): string | null;
  /** A refused login attempt, for limiters. */
  onRefusal?(refusal: Refusal): void;
  /** A connection ended without a login, for limiters. */
  onFailedConnection?(connection: FailedConnection): void;
  onLogin?(connection: SshConnection): void;
  /** A client logged in, but one of the bounds of sessions refuses it. */
  onSessionRefused?(connection: SshConnection, refusal: SessionRefusal): void;
  /** Counts the connections with a login, in place of the bounds of `ServerLimits`. */
  readonly sessions?: SessionSlots;
}
