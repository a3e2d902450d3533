/** Bounds of one session, which is one SFTP channel. */
export interface SessionLimits {
  readonly maxHandlesPerSession: number;
  /** Requests taken and not yet answered. Beyond it the channel is not read. */
  readonly maxRequestsInFlight: number;
  /** Data of the WRITEs not yet taken by the tree, and lengths of the READs not yet answered. Beyond it the channel is not read. */
  readonly maxBytesInFlight: number;
  /** Answers that the network has not taken. Beyond it the channel is not read. */
  readonly maxBacklogBytes: number;
}

/** Bounds of the SFTP server. */
export interface SftpLimits extends SessionLimits {
  /** From the connection to a login. */
  readonly loginTimeoutMs: number;
  /** Silence after which the client is asked for a sign of life. */
  readonly keepAliveIntervalMs: number;
  /** Unanswered signs of life after which the connection ends. */
  readonly keepAliveMaxMissed: number;
  /** Connections at a time, logged in or not. */
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  readonly maxSessionsPerAddress: number;
  /** Refused logins on one connection. A client with many keys uses one for each that it offers. */
  readonly maxLoginAttempts: number;
  /** SFTP channels side by side on one connection (OpenSSH's ControlMaster). */
  readonly maxChannelsPerConnection: number;
  /** Bytes either way after which new keys are agreed on (RFC 4344 section 3.2 asks for far fewer than 2^36 here). */
  readonly rekeyAfterBytes: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const defaultSftpLimits: SftpLimits = {
  loginTimeoutMs: 60_000,
  keepAliveIntervalMs: 30_000,
  keepAliveMaxMissed: 4,
  maxSessions: 1000,
  maxSessionsPerUser: 100,
  maxSessionsPerAddress: 200,
  maxLoginAttempts: 10,
  maxChannelsPerConnection: 10,
  maxHandlesPerSession: 256,
  maxRequestsInFlight: 128,
  maxBytesInFlight: 4 * MiB,
  maxBacklogBytes: 4 * MiB,
  rekeyAfterBytes: 32 * GiB,
};
