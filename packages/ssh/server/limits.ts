/** Bounds of a server: who may connect, and for how long. Sources are IPv4 addresses and IPv6 networks of 64 bits. */
export interface ServerLimits {
  /** Connections without a login above which some are dropped at random: `start` of MaxStartups in sshd_config(5). */
  readonly unauthenticatedStart: number;
  /** Part of the connections in percent that is dropped at `unauthenticatedStart`. It grows to 100 at `maxUnauthenticated`. */
  readonly unauthenticatedDropPercent: number;
  readonly maxUnauthenticated: number;
  readonly maxUnauthenticatedPerSource: number;
  /** Silence after which a connection without identification gives its slot to a new one. */
  readonly silentMs: number;
  /** Connections with a login. */
  readonly maxSessions: number;
  readonly maxSessionsPerSource: number;
  readonly maxSessionsPerUser: number;
  /** Time without channel messages after which a connection with a login ends. 0 for no bound. */
  readonly idleTimeoutMs: number;
  /** Age at which a connection with a login ends. 0 for no bound. */
  readonly maxSessionMs: number;
}

export const defaultServerLimits: ServerLimits = {
  unauthenticatedStart: 100,
  unauthenticatedDropPercent: 30,
  maxUnauthenticated: 400,
  maxUnauthenticatedPerSource: 64,
  silentMs: 1_000,
  maxSessions: 1_000,
  maxSessionsPerSource: 200,
  maxSessionsPerUser: 100,
  idleTimeoutMs: 0,
  maxSessionMs: 0,
};
