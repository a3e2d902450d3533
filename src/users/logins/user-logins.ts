import { createHash } from 'node:crypto';
import type { Call, Clock, Logger } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { UserCredentials } from '../../model/files-page.js';
import type {
  KeyTerms,
  LoginDecision,
  LoginDialogue,
  LoginMethod,
  OfferedKey,
  UserLogin,
  UserLogins,
} from '../../model/users/logins.js';
import { type Username, usernameOrNull } from '../../model/users.js';
import { sourceOf } from '../addresses.js';
import { type AuthorizedKeys, noAuthorizedKeys } from '../authorized-keys.js';
import type { LiveProperties } from '../live-properties.js';
import type { Passwords } from '../passwords.js';
import { located, type UserFiles } from '../user-files.js';
import type { UserProperties } from '../user-properties.js';
import { accountBar } from './account-bar.js';
import type { GlobalKeys } from './global-keys.js';
import { searchKey } from './key-search.js';
import {
  defaultLoginSequences,
  firstMethods,
  formatSequences,
  type LoginSequences,
  nextMethods,
} from './login-methods.js';
import { PasswordDialogue } from './password-dialogue.js';
import type { TotpCodes, TotpSecret } from './totp.js';

/** The parts that all logins share. */
export interface LoginServices {
  readonly files: UserFiles;
  readonly properties: LiveProperties;
  readonly globalKeys: GlobalKeys;
  readonly passwords: Passwords;
  readonly codes: TotpCodes;
  readonly clock: Clock;
}

/** The account of an attempt. */
interface Account {
  /** The name whose files are read. They are read in any case, so that the time does not depend on the user. */
  readonly username: Username;
  /**
   * False if there is no such user, no valid settings of the user, a disabled or expired account, or another address
   * than `login.from` has. Then nothing opens the account.
   */
  readonly exists: boolean;
  readonly sequences: LoginSequences;
  readonly hasTotp: boolean;
  /** False if the user may not use the files page. */
  readonly mayUsePage: boolean;
}

/** Stands in for names that are not valid. No user can have it. */
const standInName = '-' as Username;
const noKeys = { own: noAuthorizedKeys, authorities: noAuthorizedKeys };

/** The users' logins, from their files. Changed files are read again. */
export class FileUserLogins implements UserLogins, UserCredentials {
  readonly #services: LoginServices;

  constructor(services: LoginServices) {
    this.#services = services;
  }

  async begin(call: Call, username: string, remoteAddress: string): Promise<UserLogin> {
    const account = await this.#account(call, username, remoteAddress);
    return new FileUserLogin(this.#services, { call, name: username, account, address: remoteAddress });
  }

  async pageCredentials(call: Call, username: string, remoteAddress: string): Promise<string | null> {
    const account = await this.#account(call, username, remoteAddress);
    if (!account.exists || !account.mayUsePage) return null;
    const { files } = this.#services;
    const totp = await files.totp(account.username);
    const state = [
      await files.password(account.username),
      account.hasTotp,
      totp !== null && 'secret' in totp ? totp.secret.reveal() : null,
      formatSequences(account.sequences),
    ];
    return createHash('sha256').update(JSON.stringify(state)).digest('hex');
  }

  async #account(call: Call, text: string, address: string): Promise<Account> {
    const username = usernameOrNull(text) ?? standInName;
    let properties: UserProperties | null = null;
    try {
      properties = await this.#services.properties.read(call, username);
    } catch (error) {
      // Settings without a valid version, which `properties` has logged.
      if (!(error instanceof Fault)) throw error;
    }
    const mayComeFrom = properties?.loginFrom?.match(address) ?? true;
    if (!mayComeFrom) call.log.debug('login from an address outside login.from', { user: username });
    const bar = properties === null ? null : accountBar(properties, this.#services.clock.nowMs());
    if (bar !== null) call.log.debug('login of a barred account', { user: username, reason: bar });
    return {
      username,
      exists: properties !== null && username !== standInName && mayComeFrom && bar === null,
      sequences: properties?.loginMethods ?? defaultLoginSequences,
      hasTotp: properties?.totp ?? false,
      mayUsePage: properties?.loginWeb ?? false,
    };
  }
}

/** One attempt to log in. */
interface Attempt {
  readonly call: Call;
  /** The name as `authenticatorOf` returns it. */
  readonly name: string;
  readonly account: Account;
  readonly address: string;
}

class FileUserLogin implements UserLogin {
  readonly #services: LoginServices;
  readonly #attempt: Attempt;
  /** The methods that succeeded, as of the last call of `methods`, which the server makes before each attempt. */
  #passed: readonly LoginMethod[] = [];
  readonly #logged = new Set<string>();

  constructor(services: LoginServices, attempt: Attempt) {
    this.#services = services;
    this.#attempt = attempt;
  }

  methods(passed: readonly LoginMethod[]): readonly LoginMethod[] {
    this.#passed = [...passed];
    if (passed.length === 0) return firstMethods;
    const { sequences, hasTotp } = this.#attempt.account;
    // Methods succeed only in the order of a sequence, so null means a fault of ours: then nothing is left to try.
    const next = nextMethods(sequences, hasTotp, passed);
    if (next === null) throw new Fault('bug', 'methods succeeded that no sequence has');
    return next;
  }

  async publicKey(key: OfferedKey): Promise<KeyTerms | null> {
    const { call, account, name, address } = this.#attempt;
    const { globalKeys, clock } = this.#services;
    try {
      const isRevoked = await globalKeys.revokes(call.log, key);
      const authorities = await globalKeys.authorities(call.log);
      const own = await this.#authorizedKeys();
      const known = account.exists ? { own, authorities } : noKeys;
      const { terms, refusals } = searchKey(key, known, { username: name, address, nowMs: clock.nowMs() });
      for (const { line, reason } of refusals) {
        this.#logRefusal({ user: name, line, reason });
      }
      if (terms === null || !this.#allows('publickey')) return null;
      if (isRevoked) {
        this.#logRefusal({ user: name, reason: 'the key is revoked, or the list unusable' });
        return null;
      }
      return terms;
    } catch (error) {
      this.#logFault(call.log, error);
      return null;
    }
  }

  async password(password: string): Promise<LoginDecision> {
    return await this.#checkPassword(password, 'password');
  }

  dialogue(): LoginDialogue {
    const isFirst = this.#passed.length === 0;
    return new PasswordDialogue({
      asksPassword: async () => isFirst || (await this.#storedPassword()) !== null,
      asksCode: this.#attempt.account.hasTotp,
      checkPassword: (password) => this.#checkPassword(password, 'keyboard-interactive'),
      checkCode: (code) => this.#checkCode(code),
    });
  }

  async #authorizedKeys(): Promise<AuthorizedKeys> {
    const { call, account } = this.#attempt;
    const { files, properties } = this.#services;
    const own = await files.authorizedKeys(account.username);
    if (account.exists) {
      properties.notice(call, own, located(files.paths(account.username).authorizedKeys, own.problems));
    }
    return own;
  }

  /** Checks the password in any case, so that the time does not depend on the user's methods. */
  async #checkPassword(password: string, method: LoginMethod): Promise<LoginDecision> {
    const { call, address } = this.#attempt;
    try {
      const stored = await this.#storedPassword();
      const turn = { source: sourceOf(address), signal: call.signal };
      const isRight = await this.#services.passwords.verify(password, stored, turn);
      return isRight && this.#allows(method) ? 'accepted' : 'refused';
    } catch (error) {
      if (isFault(error, 'throttled')) return 'busy';
      if (isFault(error, 'cancelled')) throw error;
      this.#logFault(call.log, error);
      return 'refused';
    }
  }

  async #storedPassword(): Promise<string | null> {
    const { username, exists } = this.#attempt.account;
    const stored = await this.#services.files.password(username);
    return exists ? stored : null;
  }

  async #checkCode(code: string): Promise<LoginDecision> {
    const { call, account } = this.#attempt;
    const { files, codes, clock } = this.#services;
    if (!this.#allows('keyboard-interactive')) return 'refused';
    let secret: TotpSecret;
    try {
      const stored = await files.totp(account.username);
      if (stored === null)
        throw new Fault('not-found', `${files.paths(account.username).totpSecret} is missing`);
      if ('problem' in stored) throw new Fault('invalid', stored.problem);
      secret = stored.secret;
    } catch (error) {
      this.#logFault(call.log, error);
      return 'refused';
    }
    return codes.accept(account.username, secret, code, clock.nowMs()) ? 'accepted' : 'refused';
  }

  /** Returns true if the method may come next for this user. The server's first offer has more methods. */
  #allows(method: LoginMethod): boolean {
    const { exists, sequences, hasTotp } = this.#attempt.account;
    return exists && nextMethods(sequences, hasTotp, this.#passed)?.includes(method) === true;
  }

  #logFault(log: Logger, error: unknown): void {
    log.warn('cannot check login', { user: this.#attempt.name.slice(0, 64), error: Fault.from(error) });
  }

  /** Logs a reason once for each connection: a client may offer one key many times. */
  #logRefusal(fields: { readonly user: string; readonly line?: number; readonly reason: string }): void {
    const text = `${fields.line ?? ''} ${fields.reason}`;
    if (this.#logged.has(text)) return;
    this.#logged.add(text);
    this.#attempt.call.log.info('public key refused', fields);
  }
}
