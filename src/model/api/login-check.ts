/** A reason why a user cannot log in, or only with some of their credentials. */
export interface LoginObstacle {
  /** Such as `disabled`, `banned` or `key-expired`. */
  readonly code: string;
  /** `blocks`: no login succeeds now. `hinders`: some logins fail, or the session is of limited use. */
  readonly severity: 'blocks' | 'hinders';
  /** One sentence. */
  readonly what: string;
  /** One sentence. */
  readonly whatToDo: string;
  /** The command that does it; null if there is none. */
  readonly command: string | null;
}

/** A refusal of a user in the audit trail. */
export interface RecordedRefusal {
  readonly timeMs: number;
  readonly address: string | null;
  /** The kind of rule that refused. */
  readonly rule: string;
  readonly reason: string;
}

/** The answer to "why can't this user log in?". */
export interface LoginCheck {
  readonly username: string;
  /** True if nothing blocks a login with the right credentials. */
  readonly canLogIn: boolean;
  /** The obstacles that block come first. */
  readonly obstacles: readonly LoginObstacle[];
  /** The last refusals, the newest first. */
  readonly refusals: readonly RecordedRefusal[];
}
