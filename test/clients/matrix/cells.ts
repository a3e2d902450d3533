import type { Gateway, TestUser } from '../../support/gateway.js';

/** The directory of the gateway that a client works in. */
export type Area = 'uploads' | 'local';
export const areas: readonly Area[] = ['uploads', 'local'];

/** The result of one step of a client. `absent`: the client has no such operation. */
export type Outcome =
  | { readonly kind: 'done'; readonly output: string }
  | { readonly kind: 'failed'; readonly output: string }
  | { readonly kind: 'absent' };

export const absent: Outcome = { kind: 'absent' };

/** The steps that a client may have. Paths of the gateway are absolute; `local` paths are of this machine. */
export interface Steps {
  /** Uploads a file. */
  put(local: string, remote: string): Promise<Outcome>;
  get(remote: string, local: string): Promise<Outcome>;
  /** Sends the rest of a file whose first bytes are stored. */
  resumePut(local: string, remote: string): Promise<Outcome>;
  /** Fetches the rest of a file whose first bytes are here. */
  resumeGet(remote: string, local: string): Promise<Outcome>;
  rename(from: string, to: string): Promise<Outcome>;
  /** Renames to a name that exists, in the way that replaces it if the client has one. */
  replace(from: string, to: string): Promise<Outcome>;
  mkdir(path: string): Promise<Outcome>;
  rmdir(path: string): Promise<Outcome>;
  /** Uploads a directory under a new name. */
  putTree(local: string, remote: string): Promise<Outcome>;
  getTree(remote: string, local: string): Promise<Outcome>;
  /** Uploads a file and keeps the time of its last change. */
  putTimes(local: string, remote: string): Promise<Outcome>;
  /** Sets the mode, in octal digits. */
  chmod(mode: string, path: string): Promise<Outcome>;
  /** Adds the bytes of a file here to the end of a file there. */
  append(local: string, remote: string): Promise<Outcome>;
  /** Writes a text of ASCII into the middle of a file. */
  change(remote: string, offset: string, text: string): Promise<Outcome>;
  truncate(remote: string, size: string): Promise<Outcome>;
  symlink(target: string, link: string): Promise<Outcome>;
  /** Asks for the free space. */
  df(path: string): Promise<Outcome>;
  /** Saves and restores a directory, and verifies the stored copy. Only backup programs have it. */
  backUp(local: string, remote: string, restored: string): Promise<Outcome>;
}

/** One running client, logged in or able to log in for each step. */
export interface Session extends Partial<Steps> {
  /** Set if a step can be done before the client has closed its file, as with a mounted directory. */
  readonly closesLate?: true;
  close(): Promise<void>;
}

/** The gateway under test, and how its user logs in. */
export interface Peer {
  readonly gateway: Gateway;
  readonly user: TestUser;
  readonly password: string;
  /** Private RSA key in PEM form. */
  readonly rsaIdentity: string;
  readonly knownHosts: string;
  /** SHA256 fingerprint of the ed25519 host key. */
  readonly fingerprint: string;
}

/** A row of the table. */
export interface Client {
  readonly name: string;
  /** Programs, and files by their absolute path. */
  readonly needs: readonly string[];
  /** Returns why the client cannot run here although everything is installed, or null. */
  readonly obstacle?: () => string | null;
  /** Returns the version of the program or library, such as `9.2p1`. */
  version(): Promise<string>;
  /** Starts the client. `work` is an empty directory for its files. */
  start(peer: Peer, work: string): Promise<Session>;
}

/** A cell of the table: the result of one operation of one client in one directory. */
export type Cell =
  /** The bytes, times or modes were compared. */
  | { readonly kind: 'ok' }
  /** Answered with OK and without an effect, as SEMANTICS documents for this operation. */
  | { readonly kind: 'ignored' }
  /** The user gets the text, and nothing changes. */
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'n/a' };
