/** A token of the API, without the token itself. */
export interface ApiToken {
  readonly id: string;
  /** A name for people. */
  readonly label: string;
  /** The role of requests with the token. */
  readonly role: string;
  /** The groups of operations that the token may call; null for all that its role may. */
  readonly scope: readonly string[] | null;
  /** The person that created it. */
  readonly createdBy: string;
  /** The identity behind it, for decisions that need a second person: see `Person.identity`. */
  readonly identity: string | null;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly revokedMs: number | null;
  /** Recorded at most once a minute. */
  readonly lastUsedMs: number | null;
}

export interface NewApiToken {
  readonly label: string;
  readonly role: string;
  readonly scope: readonly string[] | null;
  readonly createdBy: string;
  readonly identity: string | null;
  readonly expiresMs: number;
}

/** Tokens of the API. Only a digest of each is stored. Changes are durable when a method resolves. */
export interface ApiTokens {
  /** Creates a token. `secret` is the token itself, which cannot be read again. Throws `over-quota`. */
  create(token: NewApiToken): Promise<{ readonly token: ApiToken; readonly secret: string }>;
  /** Returns the token with this secret, and records its use; null if it is unknown, expired or revoked. */
  check(secret: string): Promise<ApiToken | null>;
  /** Returns all tokens, the newest first, those that are not valid any more included. */
  list(): Promise<readonly ApiToken[]>;
  /** Revokes a token, or leaves it revoked. Returns it, or null if there is none with this id. */
  revoke(id: string): Promise<ApiToken | null>;
}
