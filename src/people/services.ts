import type { SealedTexts } from '../keyring/sealed-texts.js';
import type { AdminLinks, AdminSessions, Admins, Passkeys, Tickets } from '../model/api/people.js';
import type { LoginGuard } from '../model/bans.js';
import type { Clock, Entropy } from '../model/call.js';
import type { Passwords } from '../users/passwords.js';

/** The stores of the people's logins and factors. */
export interface PeopleStores {
  readonly admins: Admins;
  readonly passkeys: Passkeys;
  readonly sessions: AdminSessions;
  readonly links: AdminLinks;
  readonly tickets: Tickets;
}

/** The limits of a session, in milliseconds. */
export interface SessionLimits {
  /** Without a request. */
  readonly idleMs: number;
  /** From the login on. */
  readonly maxMs: number;
}

/** The dependencies of logins. */
export interface PeopleServices extends PeopleStores {
  readonly passphrases: Passwords;
  readonly sealed: SealedTexts;
  /** Null if failed logins are not counted. */
  readonly guard: LoginGuard | null;
  readonly sessionLimits: () => SessionLimits;
  /** True for the gateway of a demo. Only there do links of the kind `demo` and their sessions count. */
  readonly isDemo: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
}
