import type { Generated } from 'kysely';

/** A process that writes to the database. A SQLite file has rows only for the processes of `workers`. */
export interface DatabaseWriterTable {
  id: string;
  kind: 'gateway' | 'command';
  host: string;
  version: string | null;
  /** `stopped`: it ended in order. `dead`: another process has ended its epoch. */
  state: Generated<'live' | 'stopped' | 'dead'>;
  /** 1 if it shares the database with other gateways. */
  is_clustered: Generated<number>;
  /** The id of the root, if it shares the database only with other processes of its own root. */
  root: string | null;
  /** Raised when another process takes over, which ends the writes of this one. */
  epoch: number;
  /** Set by each transaction. Shows after a lost connection whether the last one was committed. */
  last_commit: string | null;
  /** Times of the database's clock, in milliseconds. */
  started_ms: number;
  seen_ms: number;
  /** Since when it has shown itself without a gap. */
  steady_ms: Generated<number>;
}

/** Work that runs on one node at a time, and the node that runs it. */
export interface LeaseTable {
  name: string;
  node: string;
  node_epoch: number;
  /** Raised when the lease goes to another holder. */
  epoch: number;
  /** Time of the database's clock, in milliseconds. */
  expires_ms: number;
}

/** The mark of a database whose rows were moved to another engine, or are being moved from one. One row at most. */
export interface DatabaseMoveTable {
  role: 'source' | 'target';
  /** The name of the other database, for people. */
  other: string;
}
