import type { Call } from './call.js';

/** A login at the files page. Its secret is in the cookie of the browser, and only a digest of it is stored. */
export interface PageSession {
  /** The session's id in the log, the registry of sessions and the audit trail. */
  readonly id: string;
  readonly username: string;
  /** The methods that succeeded, such as `password,totp`. */
  readonly methods: string;
  /** A digest of the credentials at the login (`UserCredentials`): when they change, the session ends. */
  readonly credentials: string;
  readonly createdMs: number;
  /** Recorded at most once a minute. */
  readonly lastUsedMs: number;
}

export interface NewPageSession {
  readonly id: string;
  readonly username: string;
  readonly methods: string;
  readonly credentials: string;
}

/** Limits of a session, in milliseconds. */
export interface PageSessionLimits {
  /** Time without a request after which a session ends. */
  readonly idleMs: number;
  /** Age at which a session ends. */
  readonly maxMs: number;
}

/** The sessions of the files page. Changes are durable when a method resolves. */
export interface PageSessions {
  /** Creates a session. `secret` cannot be read again. Throws `over-quota` if there are too many. */
  create(session: NewPageSession): Promise<{ readonly session: PageSession; readonly secret: string }>;
  /** Returns the session with this secret; null if it is unknown or has ended. */
  find(secret: string): Promise<PageSession | null>;
  /** Records that the session is in use, at most once a minute. */
  touch(id: string): Promise<void>;
  /** Ends a session, or leaves it ended. */
  end(id: string): Promise<void>;
}

/** An upload of the files page that its client can resume. The content is with the user's tree. */
export interface PageUpload {
  /** Random, so that no one guesses it. */
  readonly id: string;
  readonly username: string;
  /** Normalised, such as `/uploads/report.pdf`. */
  readonly path: string;
  /** Size of the whole file in bytes. */
  readonly length: number;
  /** The file's time, which tells a part of this upload from another file. */
  readonly mtimeSeconds: number;
  /** True if there was a file of this name before. An interrupted upload then starts again. */
  readonly replaces: boolean;
  /** True once content was accepted. */
  readonly isOpened: boolean;
  /** True once the file is stored. */
  readonly isDone: boolean;
  readonly usedMs: number;
}

export type NewPageUpload = Pick<PageUpload, 'username' | 'path' | 'length' | 'mtimeSeconds' | 'replaces'>;

/** The uploads of the files page. Changes are durable when a method resolves. */
export interface PageUploads {
  /** Creates an upload. Throws `over-quota` if the user has too many that are not done. */
  create(upload: NewPageUpload): Promise<PageUpload>;
  /** Returns the user's upload; null if there is none with this id. */
  find(username: string, id: string): Promise<PageUpload | null>;
  /** Returns the user's uploads that are not done, the one used last first. */
  unfinished(username: string): Promise<readonly PageUpload[]>;
  /** Records that the upload is in use, and whether content was accepted and the file is stored. */
  record(id: string, state: Pick<PageUpload, 'isOpened' | 'isDone'>): Promise<void>;
  remove(id: string): Promise<void>;
}

/** The state of a user's credentials. */
export interface UserCredentials {
  /**
   * Returns a digest that changes with the user's password, second factor or login methods; null if the user may
   * not use the files page from this address: there is no such user, their settings are wrong, or they forbid it.
   */
  pageCredentials(call: Call, username: string, remoteAddress: string): Promise<string | null>;
}
