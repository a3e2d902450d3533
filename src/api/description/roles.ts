/** The roles of people. Each may also read everything that `viewer` may. */
export const roles = ['viewer', 'operator', 'custodian', 'admin'] as const;

/**
 * `viewer` reads everything except the content of objects. `operator` manages users, objects, mirrors and bans.
 * `custodian` manages keys, rotations and recovery. `admin` may do everything.
 */
export type Role = (typeof roles)[number];

/** Returns true if a person with the role `held` may call an operation that needs the role `needed`. */
export function allows(held: Role, needed: Role): boolean {
  return held === 'admin' || needed === 'viewer' || held === needed;
}

/** Returns the text as a role, or null. */
export function parseRole(text: string): Role | null {
  return roles.find((role) => role === text) ?? null;
}

/** The sender of a request. */
export interface Person {
  /** A name for the log and the trail, such as `token deploy` or `uid 0`. */
  readonly name: string;
  readonly role: Role;
  /** The groups of operations that the person may call; null for all that the role may. */
  readonly scope: readonly string[] | null;
  /** True for a command on the gateway's machine, which records its changes in the audit trail itself. */
  readonly isCommand: boolean;
  /**
   * The identity behind the request, for decisions that need a second person: the id of a person, or `local` for
   * commands on the gateway's machine. A token has that of its creator. Null if it is unknown.
   */
  readonly identity: string | null;
  /** The id of the session at the console; null for tokens and commands. */
  readonly session: string | null;
  /** The sender as the console sees it; null for requests on the socket. */
  readonly client: Client | null;
}

/** A browser or a program that sent a request to the console. */
export interface Client {
  readonly address: string;
  /** The origin of the console's pages, such as `https://sftpgw.example.com`. */
  readonly origin: string;
  readonly userAgent: string | null;
}

/** The identity of everyone who can open the control socket or run commands. */
export const localIdentity = 'local';

/** The person of requests without a login. The scope has only the operations that make a login. */
export function anonymous(client: Client): Person {
  return {
    name: 'anonymous',
    role: 'viewer',
    scope: ['login'],
    isCommand: false,
    identity: null,
    session: null,
    client,
  };
}
