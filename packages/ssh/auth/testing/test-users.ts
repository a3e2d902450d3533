import type { RevocationList } from '../../keys/revocation-list.js';
import type { TestUserKey } from '../../testing/user-keys.js';
import type {
  Authenticator,
  CredentialDecision,
  Dialogue,
  KeyGrant,
  MethodName,
  PromptRound,
  UserAuthentication,
  UserKey,
} from '../authenticator.js';

/** A user of a `TestUsers`. */
export interface TestUser {
  readonly password?: string;
  /** The answer to the second question of a dialogue. */
  readonly code?: string;
  readonly keys?: readonly { readonly key: TestUserKey; readonly grant?: KeyGrant }[];
  readonly authorities?: readonly { readonly key: TestUserKey; readonly grant?: KeyGrant }[];
  /** The methods that must succeed, in order; any one of all when absent. */
  readonly sequence?: readonly MethodName[];
}

const allMethods: readonly MethodName[] = ['publickey', 'password', 'keyboard-interactive'];

/** An application with users in memory. It counts the calls, which show its work. */
export class TestUsers implements Authenticator {
  readonly calls: string[] = [];
  readonly signals: AbortSignal[] = [];
  isBusy = false;
  revoked: RevocationList | null = null;
  error: Error | null = null;
  /** Replaces the first round of a dialogue. */
  firstRound: PromptRound = { prompts: [{ text: 'Password: ', isEchoed: false }] };
  readonly #users: ReadonlyMap<string, TestUser>;

  constructor(users: Readonly<Record<string, TestUser>>) {
    this.#users = new Map(Object.entries(users));
  }

  async begin(username: string, address: string, signal: AbortSignal): Promise<UserAuthentication> {
    this.calls.push(`begin ${username} ${address}`);
    this.signals.push(signal);
    const user = this.#users.get(username) ?? {};
    return {
      methods: (passed) => {
        if (user.sequence === undefined) return passed.length > 0 ? [] : allMethods;
        return user.sequence.slice(passed.length, passed.length + 1);
      },
      publicKey: async (key) => this.#publicKey(user, key),
      password: async (password) => this.#decide('password', password === user.password),
      dialogue: () => this.#dialogue(user),
    };
  }

  async #publicKey(user: TestUser, key: UserKey): Promise<KeyGrant | null> {
    this.calls.push(`publicKey ${key.kind}`);
    if (this.error !== null) throw this.error;
    if (this.revoked?.revokes(key) === true) return null;
    const isKey = key.kind === 'plain';
    const blob = isKey ? key.blob : key.signatureKey.blob;
    const known = (isKey ? user.keys : user.authorities) ?? [];
    const found = known.find((entry) => entry.key.blob.equals(blob));
    return found === undefined ? null : (found.grant ?? {});
  }

  async #decide(call: string, isRight: boolean): Promise<CredentialDecision> {
    this.calls.push(call);
    if (this.error !== null) throw this.error;
    if (this.isBusy) return 'busy';
    return isRight ? 'accepted' : 'refused';
  }

  #dialogue(user: TestUser): Dialogue {
    let password: string | null = null;
    return {
      start: async () => this.firstRound,
      respond: async (answers) => {
        const [answer = ''] = answers;
        if (password !== null)
          return this.#decide('code', password === user.password && answer === user.code);
        if (user.code === undefined) return this.#decide('answer', answer === user.password);
        password = answer;
        return {
          name: 'Second factor',
          instruction: 'Enter it',
          prompts: [{ text: 'Code: ', isEchoed: true }],
        };
      },
    };
  }
}
