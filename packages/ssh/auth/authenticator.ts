import type { Certificate } from '../keys/certificate.js';
import type { PublicKey } from '../keys/public-key.js';

/** The authentication methods of this server (RFC 4252 sections 7 and 8, RFC 4256). */
export type MethodName = 'publickey' | 'password' | 'keyboard-interactive';

/**
 * The answer to a password or to the answers of a dialogue. `busy` states that the server did not check it: the connection ends
 * with a text that differs from the one for a wrong password, and the attempt does not count.
 */
export type CredentialDecision = 'accepted' | 'refused' | 'busy';

/** A key that a user offers: a bare one, or one in a certificate. `kind` is `plain` or `certificate`. */
export type UserKey = PublicKey | Certificate;

/** The terms on which a user may log in with a key. Each field is one option of an authorized_keys line (sshd(8)). */
export interface KeyGrant {
  /** Accepts a FIDO signature without the user's touch: `no-touch-required`. For a certificate, the CA's line has the option. */
  readonly touchOptional?: boolean;
  /** Refuses a FIDO signature without a PIN or a biometric check: `verify-required`. */
  readonly verificationRequired?: boolean;
  /** Names of which a certificate must contain one: `principals="..."`. The user name when absent. A plain key ignores it. */
  readonly principals?: readonly string[];
}

/** One question of a dialogue (RFC 4256 section 3.2). */
export interface Prompt {
  readonly text: string;
  /** True if the client may show the answer while the user types it. */
  readonly isEchoed: boolean;
}

/** The questions of one round of a dialogue. A round without prompts shows its instruction only. */
export interface PromptRound {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly Prompt[];
}

/** The dialogue of one keyboard-interactive request. */
export interface Dialogue {
  /** Returns the questions of the first round. */
  start(): Promise<PromptRound>;
  /** Takes one answer for each prompt of the last round, in order. Resolves to a decision or to the next round. */
  respond(answers: readonly string[]): Promise<CredentialDecision | PromptRound>;
}

/** The application's side of authentication. The package knows no users. */
export interface Authenticator {
  /** Returns one name for all names of an account, which then counts for everything. By default the peer's text. */
  accountOf?(username: string): string;
  /**
   * Starts with the first request of a connection. `username` is text of the peer; a user of this name may not exist. `address` is the peer's
   * address, from the PROXY protocol if that is in use. Resolves for users that do not exist as well. `signal` aborts when the
   * connection ends before a login: an attempt that waits for its turn gives it up then.
   */
  begin(username: string, address: string, signal: AbortSignal): Promise<UserAuthentication>;
}

/**
 * One connection's attempt to log in as one user.
 *
 * An implementation does equal work for users that exist and for those that do not: it offers the same methods, parses a stand-in
 * authorized_keys, checks the password against a stand-in hash, asks the same prompts. A promise that rejects counts as `busy`; the
 * layer logs its error.
 */
export interface UserAuthentication {
  /**
   * Returns the methods that may be tried next, in the order of preference. `passed` has the methods that succeeded on this
   * connection, in order. An empty list means that the user is logged in; it may not be empty while `passed` is. The sequence
   * `publickey,keyboard-interactive` returns `['publickey']`, then `['keyboard-interactive']`, then `[]`.
   */
  methods(passed: readonly MethodName[]): readonly MethodName[];

  /**
   * Returns the terms on which the key may log in, null if it may not. Also called for a query without a signature, and for keys
   * whose signature turns out to be wrong.
   *
   * For a plain key, the implementation searches it among the user's keys and checks the revocation list. For a certificate, it
   * searches `certificate.signatureKey` among the CAs that it trusts for the user, and checks the list with the certificate. The
   * layer does everything else: the signature, the CA's signature, the principals, the validity, the critical options.
   */
  publicKey(key: UserKey): Promise<KeyGrant | null>;

  /** Checks a password. Called only when `methods` allows it. */
  password(password: string): Promise<CredentialDecision>;

  /** Returns a new dialogue. Called for each keyboard-interactive request, only when `methods` allows it. */
  dialogue(): Dialogue;
}

/** A finished authentication, for the log and for the application. */
export interface Login {
  readonly username: string;
  readonly address: string;
  /** The methods that succeeded, in order. Never empty. */
  readonly methods: readonly MethodName[];
  /** The keys that succeeded, in order; one for each `publickey` in `methods`. */
  readonly keys: readonly UsedKey[];
}

/** A key that a login used. */
export interface UsedKey {
  /** Such as `ssh-ed25519`; for a certificate, the type of the key in it. */
  readonly type: string;
  /** Such as `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** The certificate that certified the key. */
  readonly certificate?: {
    readonly keyId: string;
    readonly serial: bigint;
    readonly caFingerprint: string;
    /** `valid before` (PROTOCOL.certkeys) in milliseconds since the epoch. Infinity for a certificate that does not expire. */
    readonly validBeforeMs: number;
  };
}
