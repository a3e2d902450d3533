/**
 * `local`: has a passphrase and a second factor here. `oidc`: logs in at an identity provider. `demo`: logs in with the
 * link that a demo prints.
 */
export type AdminKind = 'local' | 'oidc' | 'demo';

/** A person who may use the console and the API, without secrets. */
export interface Admin {
  readonly id: string;
  readonly name: string;
  readonly kind: AdminKind;
  readonly role: string;
  readonly createdMs: number;
  /** The person that created it. */
  readonly createdBy: string;
  readonly lastLoginMs: number | null;
  readonly hasPassphrase: boolean;
  /** Null without TOTP. */
  readonly totpCreatedMs: number | null;
  readonly passkeys: number;
  /** When the link expires with which the person logs in first; null without a link. */
  readonly linkExpiresMs: number | null;
}

export interface NewAdmin {
  readonly name: string;
  readonly kind: AdminKind;
  readonly role: string;
  readonly createdBy: string;
  /** The account at an identity provider; null for others. */
  readonly subject: string | null;
}

/** The secrets of a person, as they are stored. */
export interface AdminSecrets {
  /** The hash of the passphrase; null if there is none. */
  readonly passphraseHash: string | null;
  /** The sealed TOTP secret; null if there is none. */
  readonly sealedTotp: string | null;
}

/** A second factor of a person. */
export type NewFactor =
  | { readonly kind: 'totp'; readonly sealed: string; readonly usedStep: number }
  | { readonly kind: 'passkey'; readonly passkey: NewPasskey };

/** People. Changes are durable when a method resolves. */
export interface Admins {
  /** Returns everyone, by name. */
  list(): Promise<readonly Admin[]>;
  findByName(name: string): Promise<Admin | null>;
  findById(id: string): Promise<Admin | null>;
  findBySubject(subject: string): Promise<Admin | null>;
  /** Adds a person. Throws `exists` for a name that is in use, and `over-quota`. */
  add(admin: NewAdmin): Promise<Admin>;
  /** Adds the first local person. Throws `exists` if there is one. */
  addFirst(admin: NewAdmin): Promise<Admin>;
  /** Throws `conflict` for the last administrator. */
  setRole(id: string, role: string): Promise<void>;
  /**
   * Removes a person with all sessions, passkeys and links, and revokes their tokens. Throws `conflict` for the last
   * administrator.
   */
  remove(id: string): Promise<void>;
  /** Removes passphrase, second factors, sessions and links. */
  reset(id: string): Promise<void>;
  secrets(id: string): Promise<AdminSecrets>;
  setPassphrase(id: string, hash: string): Promise<void>;
  setTotp(id: string, sealed: string, usedStep: number): Promise<void>;
  /** Removes TOTP. Throws `conflict` if it is the last second factor. */
  removeTotp(id: string): Promise<void>;
  /** Records that the code of a step was used. Returns false if it, or a later one, was used before. */
  useTotpStep(id: string, step: number): Promise<boolean>;
  loggedIn(id: string): Promise<void>;
  /**
   * Uses up a link and stores the first passphrase and factor. Returns false, without a change, if the link is
   * unknown, used or expired.
   */
  enrol(linkToken: string, id: string, passphraseHash: string, factor: NewFactor): Promise<boolean>;
}

export interface NewPasskey {
  readonly label: string;
  /** In base64url, as in WebAuthn. */
  readonly credentialId: string;
  /** The COSE key in base64url. */
  readonly publicKey: string;
  /** The signature counter of the authenticator. */
  readonly counter: number;
  readonly transports: readonly string[];
}

/** A passkey (WebAuthn credential) of a person. */
export interface Passkey extends NewPasskey {
  readonly id: string;
  readonly adminId: string;
  readonly createdMs: number;
  readonly lastUsedMs: number | null;
}

/** Passkeys. Changes are durable when a method resolves. */
export interface Passkeys {
  of(adminId: string): Promise<readonly Passkey[]>;
  findByCredential(credentialId: string): Promise<Passkey | null>;
  /** Throws `exists` for a credential that is stored, and `over-quota`. */
  add(adminId: string, passkey: NewPasskey): Promise<Passkey>;
  /** Returns null if the person has no such passkey. */
  rename(adminId: string, id: string, label: string): Promise<Passkey | null>;
  /** Returns null if the person has no such passkey. Throws `conflict` if it is the last second factor. */
  remove(adminId: string, id: string): Promise<Passkey | null>;
  used(id: string, counter: number): Promise<void>;
}

/** How a person logged in. */
export type LoginMethod = 'totp' | 'passkey' | 'oidc' | 'demo' | 'link';

/** A login of a person at the console. Its secret is stored as a digest. */
export interface AdminSession {
  readonly id: string;
  readonly adminId: string;
  readonly method: LoginMethod;
  /** Of the login. Later requests may come from others. */
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly createdMs: number;
  /** Recorded at most once a minute. */
  readonly lastUsedMs: number;
  readonly expiresMs: number;
}

export interface NewSession extends Pick<AdminSession, 'adminId' | 'method' | 'address' | 'userAgent'> {
  readonly expiresMs: number;
}

/** Sessions of the console. Changes are durable when a method resolves. */
export interface AdminSessions {
  /** Creates a session. `secret` is the content of the cookie, which cannot be read again. */
  create(session: NewSession): Promise<{ readonly session: AdminSession; readonly secret: string }>;
  /** Returns the session with this secret and records its use; null if it is unknown, idle for too long or expired. */
  check(secret: string, idleMs: number): Promise<AdminSession | null>;
  find(id: string): Promise<AdminSession | null>;
  /** Returns the valid sessions of a person, the newest first. */
  of(adminId: string, idleMs: number): Promise<readonly AdminSession[]>;
  /** Returns false if the person has no such session. */
  end(adminId: string, id: string): Promise<boolean>;
  /** Ends all sessions of a person, except one. Returns how many. */
  endOthers(adminId: string, keepId: string | null): Promise<number>;
}

/** A link that logs in once: to enrol, or into a demo. */
export interface AdminLink {
  readonly adminId: string;
  readonly kind: 'enrol' | 'demo';
  readonly expiresMs: number;
}

/** Links. Their tokens are stored as digests. Changes are durable when a method resolves. */
export interface AdminLinks {
  /** Creates a link and removes the person's earlier ones. Returns its token. */
  create(link: AdminLink, createdBy: string): Promise<string>;
  /** Returns a link that is valid; null if it is unknown, used or expired. */
  find(token: string): Promise<AdminLink | null>;
  /** Uses up a link. Returns null as `find`. */
  take(token: string): Promise<AdminLink | null>;
}

/** The steps of a login or of a change of factors that wait for the next one. */
export type TicketKind = 'second-factor' | 'passkey' | 'enrol' | 'add-passkey' | 'add-totp';

/** The state between two steps, known to the client only as a random text. */
export interface Ticket {
  /** Null before the person is known. */
  readonly adminId: string | null;
  readonly data: Readonly<Record<string, string>>;
}

/** Tickets. Changes are durable when a method resolves. */
export interface Tickets {
  /** Creates a ticket and returns its text. Throws `throttled` while too many of the kind are open. */
  create(kind: TicketKind, ticket: Ticket): Promise<string>;
  /** Returns null if the ticket is unknown, used or expired. */
  find(kind: TicketKind, text: string): Promise<Ticket | null>;
  /** Uses up a ticket. Returns false if another request was faster. */
  take(text: string): Promise<boolean>;
  /** Counts a wrong answer. The ticket is used up after five. */
  failed(text: string): Promise<void>;
}

export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'failed';

/** A request that waits for a second person, or its outcome. */
export interface Approval {
  readonly id: string;
  /** The id of the operation. */
  readonly operation: string;
  readonly summary: string;
  /** The role that the second person needs. */
  readonly needs: string;
  /** The request: path parameters, query, body and version. */
  readonly request: unknown;
  /** The person of the request, as the API knows them. */
  readonly requester: unknown;
  readonly requestedBy: string;
  /** The identity behind the requester: see `Person.identity`. */
  readonly identity: string;
  readonly state: ApprovalState;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly decidedBy: string | null;
  readonly decidedMs: number | null;
  readonly fault: string | null;
}

export type NewApproval = Pick<
  Approval,
  'operation' | 'summary' | 'needs' | 'request' | 'requester' | 'requestedBy' | 'identity' | 'expiresMs'
>;

/** Requests that wait for a second person. Changes are durable when a method resolves. */
export interface Approvals {
  /** Returns the newest ones, the newest first, at most 200. */
  list(): Promise<readonly Approval[]>;
  find(id: string): Promise<Approval | null>;
  /** Returns the pending one of the same person with the same request, or adds it. Throws `over-quota`. */
  add(approval: NewApproval): Promise<Approval>;
  /** Decides a pending one. Returns null if it is not pending any more. */
  decide(id: string, state: 'approved' | 'rejected', decidedBy: string): Promise<Approval | null>;
  /** Records that the approved operation has failed. */
  failed(id: string, fault: string): Promise<void>;
}
