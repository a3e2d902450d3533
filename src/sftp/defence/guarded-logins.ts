import type { Call, Clock } from '../../model/call.js';
import type {
  LoginDecision,
  LoginDialogue,
  LoginRound,
  UserLogin,
  UserLogins,
} from '../../model/users/logins.js';
import type { LoginDefence } from './login-defence.js';

/** Wraps the users with the defence, which counts wrong passwords and delays their refusals. */
export function guardedLogins(
  users: UserLogins,
  defence: Pick<LoginDefence, 'mayCheck' | 'refused' | 'busy'>,
  clock: Clock,
): UserLogins {
  return {
    async begin(call, username, address) {
      const login = await users.begin(call, username, address);
      return new GuardedLogin(login, { call, username, address, defence, clock });
    },
  };
}

interface Attempt {
  readonly call: Call;
  readonly username: string;
  readonly address: string;
  readonly defence: Pick<LoginDefence, 'mayCheck' | 'refused' | 'busy'>;
  readonly clock: Clock;
}

class GuardedLogin implements UserLogin {
  readonly #login: UserLogin;
  readonly #attempt: Attempt;

  constructor(login: UserLogin, attempt: Attempt) {
    this.#login = login;
    this.#attempt = attempt;
  }

  methods(...[passed]: Parameters<UserLogin['methods']>): ReturnType<UserLogin['methods']> {
    return this.#login.methods(passed);
  }

  /** Bans do not apply to keys, because keys cannot be guessed. */
  publicKey(...[key]: Parameters<UserLogin['publicKey']>): ReturnType<UserLogin['publicKey']> {
    return this.#login.publicKey(key);
  }

  password(password: string): Promise<LoginDecision> {
    return this.#guard(() => this.#login.password(password));
  }

  dialogue(): LoginDialogue {
    const dialogue = this.#login.dialogue();
    return {
      start: () => dialogue.start(),
      respond: (answers) => this.#guard(() => dialogue.respond(answers)),
    };
  }

  async #guard<T extends LoginDecision | LoginRound>(check: () => Promise<T>): Promise<T | LoginDecision> {
    const { call, username, address, defence, clock } = this.#attempt;
    const startedMs = clock.monotonicMs();
    const decision: T | LoginDecision = defence.mayCheck(address, username) ? await check() : 'refused';
    let waitMs: number;
    if (decision === 'refused') waitMs = await defence.refused(address, username);
    else if (decision === 'busy') waitMs = await defence.busy(address, username);
    else return decision;
    const dueMs = startedMs + waitMs;
    const delayMs = dueMs - clock.monotonicMs();
    if (delayMs > 0) await clock.sleep(delayMs, call.signal);
    return decision;
  }
}
