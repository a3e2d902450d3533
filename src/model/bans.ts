/**
 * Scope of a ban. `everyone`: all connections of the address. `new-users`: passwords of users
 * who have not logged in from the address lately; the users who have are not locked out.
 */
export type BanScope = 'everyone' | 'new-users';

/** A ban of an IPv4 address or of an IPv6 network of 64 bits. */
export interface Ban {
  /** Such as `192.0.2.7` or `2001:db8:1:2::/64`. */
  readonly source: string;
  readonly scope: BanScope;
  /** `logins`: after failed logins. `command`: by an administrator. */
  readonly cause: 'logins' | 'command';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The bans as an administrator needs them. */
export interface BanAdministration {
  /** Returns the bans in force, the oldest first. */
  list(): Promise<readonly Ban[]>;
  /** Bans an address, or changes the end of its ban. Throws `invalid` for text that is not an address. */
  add(address: string, durationMs: number): Promise<Ban>;
  /**
   * Ends the ban of an address and forgets its failed logins; all bans with null. Returns the number
   * of ended bans. Throws `invalid` as `add`.
   */
  clear(address: string | null): Promise<number>;
}

/** Counts failed logins, for SFTP and for the console together. */
export interface LoginGuard {
  /** Returns false if passwords of this user from this address must be refused without a check. */
  mayCheck(address: string, username: string): boolean;
  /** Counts a wrong password. Returns the delay of the refusal in milliseconds, from the request on. */
  refused(address: string, username: string): Promise<number>;
  /** Records a login. It clears the failures of the user from this address. */
  loggedIn(address: string, username: string): void;
}
