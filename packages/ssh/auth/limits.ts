/** Bounds of the authentication on one connection. */
export interface AuthLimits {
  /** Refused requests, queries for keys included. The first `none` is free. The connection ends with the last one. */
  readonly maxAuthAttempts: number;
  /** Queries for keys that the user has. A client sends one for each key before it signs. */
  readonly maxAcceptedQueries: number;
  /** Rounds of questions in one keyboard-interactive dialogue. */
  readonly maxPromptRounds: number;
  /** Requests that a client sends ahead while one is being checked. */
  readonly maxQueuedRequests: number;
  readonly maxQueuedBytes: number;
  readonly maxUsernameBytes: number;
  /** Bytes of a password or of one answer. */
  readonly maxPasswordBytes: number;
  /** Delay of refusals after the request: this time, or a power of two times it. The delay hides how long the check took. */
  readonly minRefusalMs: number;
}

/** The bounds that apply unless the application sets others. */
export const defaultAuthLimits: AuthLimits = {
  maxAuthAttempts: 10,
  maxAcceptedQueries: 32,
  maxPromptRounds: 8,
  maxQueuedRequests: 8,
  maxQueuedBytes: 256 * 1024,
  maxUsernameBytes: 255,
  maxPasswordBytes: 1024,
  minRefusalMs: 5,
};
