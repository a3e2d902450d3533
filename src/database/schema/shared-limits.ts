/** A session of a node. It counts as long as its node is live. */
export interface NodeSessionTable {
  id: string;
  node: string;
  node_epoch: number;
  username: string;
  /** The address or network that the limit by address counts; null for a session of sshd. */
  source: string | null;
  /** The facts of the login, as JSON. */
  facts: string;
  started_ms: number;
}

/** A request to a node, which answers it in the same row. */
export interface NodeRequestTable {
  id: string;
  node: string;
  node_epoch: number;
  kind: string;
  /** JSON. */
  content: string;
  /** JSON; null until the node has answered. */
  answer: string | null;
  /** Time of the database's clock, in milliseconds. */
  created_ms: number;
}

/** A ban of all nodes. */
export interface LoginBanTable {
  source: string;
  scope: string;
  cause: string;
  since_ms: number;
  until_ms: number;
  /** 1 if it was ended by a command. The row stays until its time, because other nodes have to learn that. */
  is_lifted: number;
  /** Higher than that of every change before. */
  revision: number;
}

/** A user who has logged in from an address. */
export interface KnownLoginTable {
  source: string;
  username: string;
  at_ms: number;
  /** Higher than that of every change before. */
  revision: number;
}

/** Points of failed logins in a window of time. */
export interface LoginCountTable {
  kind: string;
  /** An address, or the digest of a name. */
  subject: string;
  points: number;
  /** Time of the database's clock, in milliseconds. */
  ends_ms: number;
}
