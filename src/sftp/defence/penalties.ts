/**
 * Penalties in seconds, after OpenSSH's PerSourcePenalties (sshd_config(5)): authfail 5, noauth 1,
 * grace-exceeded 10, crash 90. OpenSSH refuses an address once they sum up to `min` (15), for at most `max`
 * (600). Here `authfail` counts each wrong password instead of each connection, and the bound is higher: many
 * users can share an address.
 */
export const penalties = {
  /** A wrong password, or wrong answers. A connection whose keys were all refused counts as one. */
  authfail: 5,
  /** The connection ended without a request for a login, after the client's identification. */
  noauth: 1,
  /** The client did not log in in time. */
  'grace-exceeded': 10,
  /**
   * The client broke the protocol before the login. A server in one process has no crash that a client
   * survives.
   */
  fault: 10,
} as const;

export type PenaltyKind = keyof typeof penalties;

/** Bounds of the defence. */
export interface DefenceLimits {
  /** Sum of the penalties of an address, in seconds, at which it is banned. 0 turns bans off. */
  readonly banAfterPenalty: number;
  /**
   * Time after the first penalty of an address, or the first failure of a user, at which the count starts
   * again.
   */
  readonly windowMs: number;
  /** The same for the failures of one user from one address. */
  readonly pairWindowMs: number;
  /** Duration of the first ban. Each further ban within `maxBanMs` lasts twice as long as the one before. */
  readonly banMs: number;
  readonly maxBanMs: number;
  /** Failures without a delay: of a user from one address, from an address, of a user. */
  readonly freePairFailures: number;
  readonly freeSourceFailures: number;
  readonly freeUserFailures: number;
  /** Delay of the first refusal beyond these. It doubles with each further one up to `maxDelayMs`. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Addresses, users and pairs of both that are counted. The oldest is forgotten first. */
  readonly maxCounted: number;
  /** Logins of a user from an address that are remembered, and for how long. */
  readonly maxKnownLogins: number;
  readonly knownLoginMs: number;
  readonly maxBans: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

export const defaultDefenceLimits: DefenceLimits = {
  banAfterPenalty: 100,
  windowMs: 10 * minute,
  pairWindowMs: day,
  banMs: 10 * minute,
  maxBanMs: day,
  freePairFailures: 2,
  freeSourceFailures: 5,
  freeUserFailures: 20,
  firstDelayMs: 300,
  maxDelayMs: 10_000,
  maxCounted: 65_536,
  maxKnownLogins: 20_000,
  knownLoginMs: 30 * day,
  maxBans: 65_536,
};

/** Returns how long the refusal after the n-th failure takes, in milliseconds. */
export function delayAfter(
  failures: number,
  freeFailures: number,
  { firstDelayMs, maxDelayMs }: Pick<DefenceLimits, 'firstDelayMs' | 'maxDelayMs'>,
): number {
  if (failures <= freeFailures) return 0;
  return Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(30, failures - freeFailures - 1));
}
