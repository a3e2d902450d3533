import type { Call } from '../call.js';

/** Authentication methods of the SFTP server (RFC 4252 sections 7 and 8, RFC 4256). */
export type LoginMethod = 'publickey' | 'password' | 'keyboard-interactive';

/** `busy`: the credential was not checked, because too many others wait. The client may try again. */
export type LoginDecision = 'accepted' | 'refused' | 'busy';

/** A public key that a client offers. `blob` is its SSH wire form (RFC 4253 section 6.6). */
export interface OfferedPlainKey {
  readonly kind: 'plain';
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  readonly blob: Uint8Array;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** A certificate that a client offers (OpenSSH PROTOCOL.certkeys). */
export interface OfferedCertificate {
  readonly kind: 'certificate';
  /** The certified key. */
  readonly key: OfferedPlainKey;
  /** The key of the certificate authority. */
  readonly signatureKey: OfferedPlainKey;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
}

export type OfferedKey = OfferedPlainKey | OfferedCertificate;

/** The terms on which a key opens an account. Each is an option of an authorized_keys line (sshd(8)). */
export interface KeyTerms {
  /** `no-touch-required`: a FIDO signature without the user's touch is accepted. */
  readonly touchOptional?: boolean;
  /** `verify-required`: a FIDO signature without a PIN or a biometric check is refused. */
  readonly verificationRequired?: boolean;
  /** `principals="..."`: a certificate must contain one of them. The user name if absent. */
  readonly principals?: readonly string[];
}

/** One question of a dialogue. The client shows the answer while the user types it if `isEchoed`. */
export interface LoginPrompt {
  readonly text: string;
  readonly isEchoed: boolean;
}

/** The questions of one round. A round without prompts only shows its instruction. */
export interface LoginRound {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly LoginPrompt[];
}

/** The dialogue of one keyboard-interactive request. */
export interface LoginDialogue {
  /** Returns the questions of the first round. */
  start(): Promise<LoginRound>;
  /** Takes one answer for each prompt of the last round. Resolves to a decision or to the next round. */
  respond(answers: readonly string[]): Promise<LoginDecision | LoginRound>;
}

/**
 * The attempt of one connection to log in as one user. It does the same work for users that exist
 * and for those that do not. A promise that rejects counts as `busy` and is logged.
 */
export interface UserLogin {
  /**
   * Returns the methods that the client may try next, the preferred first, given those that
   * succeeded. An empty list means that the user is logged in. It is never empty while `passed` is.
   * The first list is the same for everyone. Called before every attempt, which the list allows.
   */
  methods(passed: readonly LoginMethod[]): readonly LoginMethod[];
  /**
   * Returns the terms on which the key may log in, or null. For a certificate, the caller checks
   * the signatures, the principals, the validity and the critical options; the implementation
   * checks that it trusts `signatureKey` for this user, and that nothing is revoked.
   */
  publicKey(key: OfferedKey): Promise<KeyTerms | null>;
  password(password: string): Promise<LoginDecision>;
  /** Returns a new dialogue. Called only if `methods` allows keyboard-interactive. */
  dialogue(): LoginDialogue;
}

/** The users as the SSH server needs them to let them in. */
export interface UserLogins {
  /**
   * Starts with the first request of a connection. `username` is the client's text; such a user may
   * not exist. `call.signal` aborts if the connection ends before a login. Never rejects for an
   * unknown user.
   */
  begin(call: Call, username: string, remoteAddress: string): Promise<UserLogin>;
}
