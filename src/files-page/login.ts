import type { Call, Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { PageSessions, UserCredentials } from '../model/files-page.js';
import type { LoginDecision, UserLogins } from '../model/users/logins.js';
import { usernameOrNull } from '../model/users.js';
import type { SessionAudit } from '../sftp/session-audit.js';
import type { PageClient } from './page-client.js';
import type { PageClients } from './page-clients.js';

/** The credentials that a user typed. */
export interface TypedLogin {
  readonly username: string;
  readonly password: string;
  /** The TOTP code; absent before it was asked for. */
  readonly code?: string;
}

/** The part of the login defence that counts logins. */
export interface PageDefence {
  /** Returns why an address may not connect, null if it may. */
  admit(address: string): string | null;
  loggedIn(address: string, username: string): void;
}

export interface LoginServices {
  /** With the limiter that SFTP has too. */
  readonly logins: UserLogins;
  readonly credentials: UserCredentials;
  readonly sessions: PageSessions;
  readonly clients: PageClients;
  readonly defence: PageDefence;
  readonly audit: SessionAudit;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A login, or the question for the second factor. */
export type LoginAnswer =
  | { readonly kind: 'needs-code' }
  | { readonly kind: 'logged-in'; readonly client: PageClient; readonly secret: string };

const wrong = 'the user name, the password or the code is wrong';

/** Logs users in as keyboard-interactive of SFTP does: with the same questions, limits and delays. */
export class PageLogin {
  readonly #services: LoginServices;

  constructor(services: LoginServices) {
    this.#services = services;
  }

  /**
   * Checks the password and the code. Throws `unauthenticated` for a wrong one, `denied` if the account needs more
   * than a password or may not use the page, and `throttled` if too many passwords are being checked.
   */
  async run(call: Call, address: string, typed: TypedLogin): Promise<LoginAnswer> {
    const { logins, credentials, sessions, clients, defence, audit, entropy } = this.#services;
    const username = usernameOrNull(typed.username) ?? typed.username;
    const login = await logins.begin(call, username, address);
    login.methods([]);
    const dialogue = login.dialogue();
    await dialogue.start();
    let answer = await dialogue.respond([typed.password]);
    const asksCode = typeof answer !== 'string';
    if (asksCode) {
      if (typed.code === undefined || typed.code === '') return { kind: 'needs-code' };
      answer = await dialogue.respond([typed.code]);
    }
    const refuse = (reason: string) =>
      audit.refused({ address, username, rule: 'login', reason, details: { protocol: 'web' } });
    if (decisionOf(answer) !== 'accepted') {
      refuse(answer === 'busy' ? 'too many passwords are being checked' : 'wrong password or code');
      if (answer === 'busy')
        throw new Fault('throttled', 'too many logins at the moment: try again in a second');
      throw new Fault('unauthenticated', wrong);
    }
    if (login.methods(['keyboard-interactive']).length > 0) {
      refuse('the login methods of the user need more than a password');
      throw new Fault('denied', 'this account needs an SSH key to log in: use an SFTP program');
    }
    const state = await credentials.pageCredentials(call, username, address);
    if (state === null) {
      refuse('login.web=no');
      throw new Fault('denied', 'this account may not use this page: use an SFTP program');
    }
    const methods = asksCode ? 'password,totp' : 'password';
    const { session, secret } = await sessions.create({
      id: entropy.id(),
      username,
      methods,
      credentials: state,
    });
    try {
      const client = await clients.open(call, session, address, false);
      defence.loggedIn(address, username);
      return { kind: 'logged-in', client, secret };
    } catch (error) {
      await sessions.end(session.id);
      throw error;
    }
  }
}

function decisionOf(answer: LoginDecision | object): LoginDecision {
  return typeof answer === 'string' ? answer : 'refused';
}
