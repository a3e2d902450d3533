import type { Login, MethodName } from './authenticator.js';

/** A refused request, for counters and limiters. It is not logged. */
export interface Refusal {
  readonly username: string;
  readonly address: string;
  readonly method: MethodName | 'none' | 'other';
  /** The cause. Not for the client. */
  readonly reason: string;
  /** The key that was refused, such as `SHA256:...`. */
  readonly fingerprint: string | null;
  /** True for a query, which proves no knowledge of a key. */
  readonly isQuery: boolean;
}

/** Reports of the authentication. */
export interface AuthenticationEvents {
  /** USERAUTH_SUCCESS has been sent. The server replaces this layer with the connection protocol before it returns. */
  loggedIn(login: Login): void;
  refused(refusal: Refusal): void;
  /** The application answered `busy`. The connection ends with a text that asks to try again. */
  busy(username: string): void;
  /** The application failed. The connection ends with the text for `busy`. */
  failed(username: string, error: unknown): void;
}
