/** Bounds of one session, which is one SFTP channel. */
export interface SessionLimits {
  readonly maxHandlesPerSession: number;
  /** Requests that are not yet answered. At this bound the channel is not read. */
  readonly maxRequestsInFlight: number;
  /** Data bytes of the WRITEs and READs that are not yet answered. At this bound the channel is not read. */
  readonly maxBytesInFlight: number;
  /** Bytes of replies that the network has not yet accepted. At this bound the channel is not read. */
  readonly maxBacklogBytes: number;
}

/** Bounds of the SFTP server. */
export interface SftpLimits extends SessionLimits {
  /** Max time from the connection to the login. */
  readonly loginTimeoutMs: number;
  /** Silence after which the server sends a keep-alive request. */
  readonly keepAliveIntervalMs: number;
  /** Unanswered keep-alive requests after which the connection ends. */
  readonly keepAliveMaxMissed: number;
  /**
   * Connections without a login. Beyond half of them, some are dropped at random (MaxStartups in
   * sshd_config(5)).
   */
  readonly maxUnauthenticated: number;
  /** Per address, like all limits by address: an IPv6 network of 64 bits counts as one. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Connections with a login. */
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  readonly maxSessionsPerAddress: number;
  /** Time without requests after which a session ends. 0 for no bound. */
  readonly idleTimeoutMs: number;
  /** Age at which a session ends. 0 for no bound. */
  readonly maxSessionMs: number;
  /** Refused login attempts of one connection. A client with many keys uses one for each that it offers. */
  readonly maxLoginAttempts: number;
  /** SFTP channels of one connection at the same time (OpenSSH's ControlMaster). */
  readonly maxChannelsPerConnection: number;
  /** Bytes in one direction after which the server renews the keys (RFC 4253 section 9). */
  readonly rekeyAfterBytes: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const defaultSftpLimits: SftpLimits = {
  loginTimeoutMs: 60_000,
  keepAliveIntervalMs: 30_000,
  keepAliveMaxMissed: 4,
  maxUnauthenticated: 400,
  maxUnauthenticatedPerAddress: 128,
  maxSessions: 1000,
  maxSessionsPerUser: 100,
  maxSessionsPerAddress: 200,
  idleTimeoutMs: 0,
  maxSessionMs: 0,
  maxLoginAttempts: 10,
  maxChannelsPerConnection: 10,
  maxHandlesPerSession: 256,
  maxRequestsInFlight: 128,
  maxBytesInFlight: 4 * MiB,
  maxBacklogBytes: 4 * MiB,
  rekeyAfterBytes: GiB,
};
